# `make demo` and `make test` set themselves up: the first run installs the locked packages into .venv.

# The first of these that is supported, as requires-python in pyproject.toml says, makes .venv.
PYTHON = python3.13 python3.12 python3.11 python3
SUPPORTED = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
POETRY = poetry
PYTEST_ARGS =

.PHONY: help demo two-workers test test-slow lint lock clean .venv

help:
	@echo 'make demo    train on the built-in digits and write images to demo/outputs (minutes on a CPU)'
	@echo 'make two-workers   the same training by two processes, as two machines would do it, into demo/two-workers'
	@echo 'make test    run the tests, minutes on two cores; PYTEST_ARGS="-k frechet" runs a part of them'
	@echo 'make test-slow   run the others: kills, several processes, the browser, the container, the fuzz'
	@echo 'make lint    ruff, mypy, shellcheck and hadolint'
	@echo 'make .venv   only install; PYTHON=python3.12 chooses the interpreter (3.11 to 3.13)'
	@echo 'make lock    resolve pyproject.toml anew into poetry.lock and both requirements.txt (needs Poetry, poetry-plugin-export)'
	@echo 'make clean   remove .venv, demo and caches'

demo: .venv/.installed
	.venv/bin/python ./classifier.py --data-path digits -c configs/quickstart.yaml \
	    --save-dir demo/checkpoints --log-dir demo/logs/classifier --overwrite
	.venv/bin/python ./train.py --data-path digits -c configs/quickstart.yaml \
	    --save-dir demo/checkpoints --log-dir demo/logs/gan --overwrite
	.venv/bin/python ./generate.py --load-dir demo/checkpoints --output-dir demo/outputs --images-per-class 10 --grid

# What TF_CONFIG tells the process of a number; on two machines the addresses would be theirs.
worker = TF_CONFIG='{"cluster": {"worker": ["127.0.0.1:23456", "127.0.0.1:23457"]}, "task": {"type": "worker", "index": $(1)}}' \
    .venv/bin/python ./train.py --data-path digits -c configs/quickstart.yaml --load-dir demo/checkpoints \
    --save-dir demo/two-workers --log-dir demo/logs/two-workers --overwrite $(WORKER_ARGS)

two-workers: .venv/.installed
	test -d demo/checkpoints || .venv/bin/python ./classifier.py --data-path digits -c configs/quickstart.yaml \
	    --save-dir demo/checkpoints --log-dir demo/logs/classifier
	$(call worker,1) & other=$$!; $(call worker,0); status=$$?; wait $$other && exit $$status

test: .venv/.installed
	.venv/bin/python -m pytest -m 'not slow' $(PYTEST_ARGS)

test-slow: .venv/.installed
	.venv/bin/python -m pytest -m slow $(PYTEST_ARGS)

lint: .venv/.installed
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy
	.venv/bin/shellcheck .ci/run $(wildcard *.sh */*.sh)
	.venv/bin/hadolint deploy/Dockerfile

.venv: .venv/.installed

# The stamp is written last, so an install cut short is begun again, in an emptied .venv.
.venv/.installed: requirements.txt
	@if test -L .venv; then \
	    echo '.venv is a link, and what it leads to would be emptied: remove the link, or run .venv/bin/python -m pytest' >&2; \
	    exit 1; fi
	@python=$$(for each in $(PYTHON); do \
	    if "$$each" -c '$(SUPPORTED)' 2>/dev/null; then echo "$$each"; break; fi; done); \
	if test -z "$$python"; then \
	    echo 'No Python 3.11 to 3.13 with its venv module among: $(PYTHON). Install one, or name it: make PYTHON=/path/to/python3.12' >&2; \
	    exit 1; fi; \
	echo "Creating .venv with $$python: about 2.5 GB, a minute or two"; \
	"$$python" -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

lock:
	$(POETRY) lock
	$(POETRY) export --with dev,serve,evaluate,export,parquet --without-urls --output requirements.txt
	$(POETRY) export --with serve --without-urls --output deploy/requirements.txt

clean:
	rm -rf .venv demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
