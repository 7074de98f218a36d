# The two commands of a newcomer are `make demo` and `make test`.
#   make demo              a simulated lift, the agent and a receiver: two people get stuck and are freed
#   make demo STORY=name   another story; `make stories` lists them
#   make demo LIVE=1       stays up, with the receiver's page, until Ctrl-C
#   make test              everything that needs nothing but Python
#   make test-system       tests that need real processes and more time
#   make test-campaign     many more recordings of the second generator than a change needs
#   make chaos             100 kills and 10,000 records through a bad network; KILLS=10 RECORDS=500 for a short one;
#                          OVER=mqtt through a real mosquitto
#   make mutation          how many wrong changes of the detection core its tests notice; SAMPLE=60 SEED=1
#   make deb               the Debian package in dist/; SUITE=bookworm|trixie ARCH=arm64|amd64
#   make deb-twice         builds it twice, elsewhere and otherwise: the same bytes?
#   make sign-deb          signs it for edge-agent update: DEB=FILE KEY=FILE (made where there is none)
#   make deb-lock          the versions and digests that the package is built from, written anew
#   make sbom              what the package contains, as CycloneDX in dist/; make audit: asked for known holes
#   make lab-booted        that package in a booted Debian: installed, removed, in every trouble, updated; SUITE=trixie
#                          PART=package|page|trouble|update for one of them
#   make lab-arm64         the package for arm64 under QEMU: installed, tested, replayed, counted, on an emulated Pi 3B; SUITE=trixie
#                          PART="install tests replay cost pi" or some of them
#   make lab-writes        bytes that reach the disk on simulated days
#   make oracle            records and seals judged by zcbor and pycose, DC-09 frames by siadc09 and pysiaalarm
#   make oracle-api        every address of a receiver asked by schemathesis
#   make bench             speed and memory, measured on this machine
#   make bench-peers       beside thingsboard-gateway and hand-written loops, through a real mosquitto; 13 minutes
#   make lab-i2c           drivers on a mocked I2C bus; lab-gpio, lab-usb, lab-pi: in virtual machines (labs/README.md)
#   make lab-power         the power of a virtual machine is cut under the outbox; SEED=1 STATES=400 CUTS=5
#   make alarms-doc        writes ALARMS.md from the catalogue

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo stories test test-system test-campaign chaos mutation deb deb-twice sign-deb deb-lock sbom audit lab-booted lab-arm64 lab-writes oracle oracle-api bench bench-peers lab-i2c lab-gpio lab-usb lab-pi lab-power alarms-doc check format clean

setup: $(STAMP)

# Runs again only when pyproject.toml changes, so everything works offline once installed.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "Python's venv module is missing; on Debian and Raspberry Pi OS: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/lift-sim demo $(if $(STORY),--story $(STORY)) $(if $(LIVE),--live)

stories: setup
	$(BIN)/lift-sim list

test: setup check
	$(BIN)/pytest -m "not system and not campaign and not hardware" --numprocesses auto --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-system: setup
	$(BIN)/pytest -m "system and not campaign"

test-campaign: setup
	$(BIN)/pytest -m campaign

# scipy is measured beside the core and needed by nothing else: it gets a folder of its own.
bench: setup
	@test -d build/bench/scipy || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target build/bench 'scipy>=1.11,<2' || echo "scipy cannot be had; its rows are left out"
	$(BIN)/python -m benchmarks

# thingsboard-gateway pins old libraries and fetches more at its start: it gets an environment of its own.
bench-peers: setup
	@test -x build/peers/venv/bin/python || { $(PYTHON) -m venv build/peers/venv && build/peers/venv/bin/python -m pip install \
		--quiet --disable-pip-version-check 'thingsboard-gateway==3.8.5' 'pymodbus==3.9.2' pyserial pyserial-asyncio; } \
		|| echo "thingsboard-gateway cannot be had; its rows are left out"
	$(BIN)/python -m benchmarks.peers

chaos: setup
	$(BIN)/python -m tests.chaos.campaign $(if $(KILLS),--kills $(KILLS)) $(if $(RECORDS),--records $(RECORDS)) $(if $(OVER),--over $(OVER))

mutation: setup
	$(BIN)/python -m tests.mutation $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

deb: setup
	PYTHONPATH=. $(BIN)/python packaging/build.py $(if $(SUITE),--suite $(SUITE)) $(if $(ARCH),--arch $(ARCH))

deb-twice: setup
	PYTHONPATH=. $(BIN)/python packaging/twice.py $(if $(SUITE),--suite $(SUITE)) $(if $(ARCH),--arch $(ARCH))

sign-deb: setup
	$(BIN)/python packaging/sign.py $(KEY) $(DEB)

deb-lock: setup
	$(BIN)/python packaging/lock.py

sbom audit: setup
	$(BIN)/python packaging/sbom.py $@

lab-booted: setup
	labs/booted/run.sh $(or $(SUITE),bookworm) $(CURDIR)/build/labs $(PART)

lab-arm64: setup
	labs/arm64/run.sh $(or $(SUITE),bookworm) $(or $(LABS),$(CURDIR)/build/labs) $(PART)

lab-writes: setup
	labs/writes/run.sh

oracle: setup
	$(BIN)/python -m tests.oracle.run

oracle-api: setup
	$(BIN)/python -m tests.oracle.run api

lab-i2c: setup
	PYTHONPATH=. umockdev-wrapper /usr/bin/python3 labs/i2c-mock/mock.py -- $(BIN)/python labs/i2c-mock/check.py

lab-gpio lab-usb lab-pi lab-power: setup
	labs/machine/lab.sh $(@:lab-%=%) $(LABS)

alarms-doc: setup
	$(BIN)/edge-agent alarms --markdown > ALARMS.md

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) run build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
