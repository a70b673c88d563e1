.PHONY: demo test lint bench faults setup lock
PYTHON := .venv/bin/python

demo: setup ## a whole session on the simulated rig, with the console
	$(PYTHON) -m scripts.demo

test: setup ## all tests, three files at a time: much of their time is waiting
	$(PYTHON) -m pytest -n 3 --dist loadfile -m "not alone"
	$(PYTHON) -m pytest -m alone

lint: setup ## style, types, rooms
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup ## measures beside the tools a lab would use instead; half an hour on a machine that does nothing else
	$(PYTHON) -m benchmarks.peers --seconds 7 --docs docs/benchmarks.md
	$(PYTHON) benchmarks/split.py
	$(PYTHON) benchmarks/time_truth.py --seconds 60
	$(PYTHON) benchmarks/soak.py --minutes 10
	$(PYTHON) -m benchmarks.reading --json docs/benchmarks-reading.json --docs docs/reading.md
	$(PYTHON) -m benchmarks.console --starts 5
	$(PYTHON) -m benchmarks.encodings

faults: setup ## what a session survives, tried out
	$(PYTHON) -m benchmarks.faults --docs docs/reliability.md

setup:
	@bash scripts/setup.sh

LOCK_PYTHON ?= /usr/bin/python3.11
lock: ## pin what a fresh environment resolves to; with the oldest Python in use, Debian 12's, so that all newer ones can follow
	rm -rf build/lock && $(LOCK_PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install -q -U pip
	build/lock/bin/python -m pip install -q -e '.[rig,analysis]' --group dev
	build/lock/bin/python -m pip freeze --exclude-editable > constraints.txt
