# make demo   set up, make a phantom patient, segment it, compare with its truth
# make test   set up, check style and types, run every test
# make lint   style and types only
# make viewer build the page of `hnuiseg serve`; needs node and npm, and is committed
# make bench  measure this machine; results in benchmarks/results
#
# HNUISEG_TORCH_INDEX: an index that has PyTorch's CPU build, where the usual one has not.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: demo test lint viewer bench

# torch goes first and by itself: with other packages in the same call, pip may replace its build.
.venv/.ready: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) "$$(grep '^torch==' constraints.txt)" \
	    $${HNUISEG_TORCH_INDEX:+--extra-index-url "$$HNUISEG_TORCH_INDEX"}
	$(PIP) -c constraints.txt -e .
	touch $@

# --no-deps: this judge asks for torchvision, which would bring another torch.
.venv/.ready-for-tests: .venv/.ready
	$(PIP) -c constraints.txt -e ".[dev,judges,serve,train]"
	$(PIP) --no-deps -c constraints.txt dynamic_network_architectures==0.4.4 timm==1.0.22
	touch $@

demo: .venv/.ready
	rm -rf demo
	$(BIN)/hnuiseg phantom --out demo --seed 2026
	$(BIN)/hnuiseg segment demo/patient-000/study --out demo/result
	@echo
	@echo "Against the phantom's truth:"
	$(BIN)/hnuiseg evaluate demo/result/labels.nii.gz demo/patient-000/truth.nii.gz
	@echo
	@echo "The study is in demo/patient-000/study, its truth beside it."
	@echo "Every output is in demo/result: open demo/result/report.html first."

test: lint
	$(BIN)/pytest

lint: .venv/.ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

viewer:
	npm ci --prefix viewer --ignore-scripts --silent
	npm run --prefix viewer --silent build

bench: .venv/.ready
	set -e; for script in $(sort $(wildcard benchmarks/*.py)); do $(BIN)/python $$script; done
