# The one entry. It asks for make and a Python (3.11 or newer); the rest comes into .venv, pinned and hash-checked.

# An interpreter to use instead of the first one that is found: make install PYTHON=/opt/python/bin/python3
PYTHON ?=
INTERPRETERS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK := $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help install run test check format crash conformance clients bench lock clean

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: .venv/run.stamp ## Make .venv with .venv/bin/trow in it
	@echo "Trow is ready: .venv/bin/trow"

run: .venv/run.stamp ## Start the registry on http://0.0.0.0:8000 with ./data
	@exec $(BIN)/trow serve --data-dir ./data $(ARGS)

test: .venv/dev.stamp ## Run every test that needs no other program (ARGS=… goes to pytest)
	$(BIN)/python -m pytest $(ARGS)

check: .venv/dev.stamp ## Look at style and types, and change nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/dev.stamp ## Mend what `make check` can mend by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

crash: .venv/dev.stamp ## Kill it at every step, and see that nothing acknowledged is lost (needs strace, root)
	$(BIN)/python -m tests.crash $(ARGS)

conformance: .venv/dev.stamp ## Run the official OCI conformance suite (needs Go)
	$(BIN)/python -m tests.conformance $(ARGS)

clients: .venv/dev.stamp ## Let docker, containerd, podman, helm and others push and pull (needs Debian, Go, root)
	$(BIN)/python -m tests.clients $(ARGS)

bench: .venv/dev.stamp ## Compare its speed with other registries on this machine (needs Debian, Go, root)
	$(BIN)/python -m tests.benchmarks $(ARGS)

lock: .venv/dev.stamp ## Pin again what pyproject.toml asks for (UPGRADE=1: the newest of everything)
	@$(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt
	@$(LOCK) pyproject.toml --constraint requirements/dev.txt --output-file requirements/run.txt
	@$(LOCK) --group build --constraint requirements/dev.txt --output-file requirements/build.txt

clean: ## Remove .venv, caches and builds; ./data stays
	@[ ! -d .cache ] || chmod -R u+w .cache
	rm -rf .cache .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find trow tests -type d -name __pycache__ -prune -exec rm -rf {} +

# A venv without pip (Debian keeps ensurepip in a package of its own) gets it from the pip of its interpreter.
.venv/bin/python:
	@found=; for python in $(INTERPRETERS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$python; \
		"$$python" -m venv --clear .venv >/dev/null 2>&1 && exit 0; \
		"$$python" -m venv --clear --without-pip .venv >/dev/null 2>&1 && "$$python" -m pip --version >/dev/null 2>&1 && \
			"$$python" -m pip --python .venv/bin/python install --quiet --require-hashes -r requirements/build.txt && exit 0; \
	done; \
	rm -rf .venv; \
	if [ "$$found" ]; then echo "$$found can make no virtual environment: apt-get install python3-venv, or name another one with PYTHON=" >&2; \
	else echo "Trow needs Python 3.11 or newer, and none of these is: $(INTERPRETERS) (name one with PYTHON=)" >&2; fi; \
	exit 1

.venv/run.stamp: .venv/bin/python pyproject.toml requirements/run.txt requirements/build.txt
	@echo "Installing Trow into .venv"
	@$(PIP) install --quiet --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@echo "Installing what the tests need into .venv"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
