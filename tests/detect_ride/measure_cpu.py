"""CPU and memory of ride quality, per trip and while parked: python -m tests.detect_ride.measure_cpu"""

from __future__ import annotations

import time
import tracemalloc
from statistics import median

from edge_agent.detect.ride import RideStage
from edge_agent.detect.ride_memory import SAMPLES_MAX, WorkBudget
from tests.detect_ride.making import Ride, S, sine

ROUNDS = 15


def ride_of(rate_hz: float, length_s: float) -> Ride:
    """A ride of so many seconds at 1.6 m/s with some vibration."""
    ride = Ride(rate_hz=rate_hz, vertical=sine(0.05, 12.0), across=sine(0.03, 4.0), noise_mps2=0.01)
    return Ride(
        rate_hz=rate_hz,
        vertical=ride.vertical,
        across=ride.across,
        noise_mps2=ride.noise_mps2,
        distance_m=ride.speed_mps * (length_s - ride.rise_s),
    )


def trip_ms(rate_hz: float, length_s: float) -> tuple[float, float, float]:
    """Median CPU of the first judgement (filters are made) and of a later one, and the most memory it takes, in MB."""
    ride = ride_of(rate_hz, length_s)
    stage = RideStage(rate_hz)
    for block in ride.blocks():
        stage.push(block)
    costs = []
    for _ in range(ROUNDS):
        stage._budget = WorkBudget()
        before = time.process_time()
        report = stage.finish(ride.start_ns, ride.end_ns, ride.gravity)
        costs.append((time.process_time() - before) * 1e3)
        assert report is not None, stage.last_refusal
    stage._budget = WorkBudget()
    tracemalloc.start()
    stage.finish(ride.start_ns, ride.end_ns, ride.gravity)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return costs[0], median(costs[1:]), peak


def parked_us(rate_hz: float) -> float:
    """CPU of remembering and forgetting, a second of samples; blocks of 16, forgotten 20 times a second."""
    ride = Ride(rate_hz=rate_hz, rest_s=100.0)
    blocks = [block for block in ride.blocks() if block.t_ns < 100 * S]
    stage = RideStage(rate_hz)
    before, frame = time.process_time(), 0
    for block in blocks:
        stage.push(block)
        while (frame + 1) * 50_000_000 <= block.t_ns:
            frame += 1
            stage.forget(frame * 50_000_000)
    return (time.process_time() - before) / 100.0 * 1e6


def main() -> None:
    """Print the table of docs/ride-quality.md."""
    print("rate Hz | trip s | first ms | later ms | working memory MB | remembering, us a second")
    for rate_hz, length_s in (
        (100.0, 20.0),
        (400.0, 20.0),
        (400.0, 60.0),
        (800.0, 20.0),
        (1600.0, 20.0),
        (1600.0, 170.0),
    ):
        first, later, peak = trip_ms(rate_hz, length_s)
        kept = parked_us(rate_hz)
        print(f"{rate_hz:7.0f} | {length_s:6.0f} | {first:8.1f} | {later:8.1f} | {peak:17.1f} | {kept:10.0f}")
    print(f"memory of samples: at most {SAMPLES_MAX * 20 / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
