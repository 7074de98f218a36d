"""The far end for a maintenance firm: takes records in, acknowledges, shows, hands on."""
