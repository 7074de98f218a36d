"""The installer's page of the box: server, door, live points, calibration, and the page in a browser."""
