.PHONY: demo test lint setup lock
PYTHON := .venv/bin/python

demo: setup ## a whole session on the simulated rig, with the console
	$(PYTHON) scripts/demo.py

test: setup ## all tests
	$(PYTHON) -m pytest

lint: setup ## style, types, rooms
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

setup:
	@bash scripts/setup.sh

lock: ## pin what a fresh environment resolves to
	rm -rf build/lock && python3 -m venv build/lock
	build/lock/bin/python -m pip install -q -U pip
	build/lock/bin/python -m pip install -q -e '.[rig]' --group dev
	build/lock/bin/python -m pip freeze --all --exclude-editable > constraints.txt
