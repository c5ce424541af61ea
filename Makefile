# Khuê. `make run` runs a city here; `make test` tests it.

# Counters and versions never outgrow 32 bits; the version table is Alembic's own.
# Each migration is a transaction, so none is left half done.
SQUAWK_EXCLUDE = prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-text-field,prefer-robust-stmts

.PHONY: help install run demo test interop check bench lock

help: ## What there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

install: .venv/installed-run ## Install into .venv

run: .venv/installed-run ## Run a whole city here; Ctrl-C stops it
	@./khue up

demo: .venv/installed-run ## Walk the whole story against a running `make run`
	@.venv/bin/python -m sandbox.demo

test: tests/interop/node_modules/.installed ## Every test
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

interop: tests/interop/node_modules/.installed ## Held against clients and servers that others wrote
	.venv/bin/python -m pytest tests/interop

check: .venv/installed-dev ## Style, types, floors, documents, migrations, spelling
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/basedpyright
	.venv/bin/lint-imports
	./khue openapi --check
	./khue migrate --sql > .venv/migrations.sql && .venv/bin/squawk --exclude=$(SQUAWK_EXCLUDE) .venv/migrations.sql
	.venv/bin/codespell --skip "*/node_modules/*" README.md docs app workers sandbox seeds/*.py migrations tests bench
	.venv/bin/hadolint docker/Dockerfile

bench: .venv/installed-dev ## Benchmarks beside their yardsticks
	.venv/bin/python -m bench

lock: ## Renew the locks from pyproject.toml (needs uv)
	.ci/lock

.venv/installed-run: locks/run.txt
	@.ci/install run

tests/interop/node_modules/.installed: .venv/installed-dev tests/interop/package-lock.json
	NODE_USE_SYSTEM_CA=1 PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund --loglevel error && touch $@

.venv/installed-dev: locks/dev.txt
	@.ci/install dev && touch .venv/installed-run
