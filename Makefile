# pg_cutover: build, install and tests.
#
#   make && make install && make installcheck    the usual PGXS way, against a running server
#   make FLAVOUR=debug ...                       with debug points and test-only SQL functions; its
#                                                installcheck runs isolation and TAP tests as well
#   make SAN="-fsanitize=undefined -fno-sanitize=vptr"   a sanitised module
#   make -C build/debug -f ../../Makefile ...    out of tree, so that flavours live side by side
#   make test                                    everything, on throw-away servers (see test/run)
#
# META.json is the one place where the version is written: everything below derives it from there.

all:

EXTENSION = pg_cutover
MODULE_big = pg_cutover
FLAVOUR ?= release
SAN ?=
PG_CONFIG ?= pg_config

# Regression topics in the order they run, one pair sql/TOPIC.sql and expected/TOPIC.out each. Each can
# run alone: it creates the extension if it is not there, after SET client_min_messages = warning.
REGRESS = api contract links mapping refusals shadow jobs keys backfill types errors throttle privileges sync capture \
	partial cutover table sketch sketch_sweep compare repair schema_diff preflight \
	validation validation_checksum validation_guards validation_defaults validation_proof compare_queries \
	compare_types

# Isolation specs: test/isolation/specs/NAME.spec and test/isolation/expected/NAME.out.
ISOLATION_SPECS = copy_races capture_races partial_races

# Where this Makefile lives: "" or a path that ends in a slash.
top_dir := $(if $(VPATH),$(VPATH)/,$(patsubst ./%,%,$(dir $(firstword $(MAKEFILE_LIST)))))
in_tree := $(filter $(CURDIR),$(abspath $(or $(top_dir),.)))

# (VERSION itself belongs to PGXS and is the server's.)
MODULE_VERSION := $(shell sed -n 's/^ *"version": *"\([0-9.]*\)".*/\1/p' $(top_dir)META.json | head -n 1)
# 1.0.3 is SQL version 1.0: a patch release changes no SQL object.
EXTVERSION := $(shell echo $(MODULE_VERSION) | cut -d. -f1,2)

# ---- targets that need no server installation: they install what is missing by themselves ---------
STANDALONE = test unit lint format tidy demo bench packages dist
.PHONY: $(STANDALONE)

test:
	@$(top_dir)test/run
unit lint:
	@$(top_dir)test/run $@
demo bench:
	@$(top_dir)test/$@/run
packages:
	@$(top_dir)test/lib/packages.sh
format:
	find $(top_dir)src $(top_dir)test \( -name '*.cpp' -o -name '*.hpp' \) -exec clang-format -i {} +
dist:
	git -C $(or $(top_dir),.) archive --format=zip --prefix=$(EXTENSION)-$(MODULE_VERSION)/ \
	  -o $(EXTENSION)-$(MODULE_VERSION).zip HEAD

# Static analysis, which takes its time: not a part of make test.
tidy:
	cmake -S $(or $(top_dir),.) -B $(top_dir)build/unit -DPG_CONFIG=$(PG_CONFIG) >/dev/null
	find $(top_dir)src -name '*.cpp' -print0 | xargs -0 -n 1 -P 2 clang-tidy --quiet -p $(top_dir)build/unit

# The value of any variable, for scripts: make -s print-REGRESS.
print-%:
	@echo '$($*)'

ifneq (,$(filter-out $(STANDALONE) print-%,$(or $(MAKECMDGOALS),all)))

# ---- module ---------------------------------------------------------------------------------------
SOURCES := $(patsubst $(top_dir)%,%,$(sort $(foreach depth,*.cpp */*.cpp */*/*.cpp */*/*/*.cpp,\
	$(wildcard $(top_dir)src/$(depth)))))
OBJS = $(SOURCES:.cpp=.o)

# Server headers are system headers: our own warnings stay errors without tripping over theirs.
PG_CPPFLAGS = -I$(top_dir)src -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CXXFLAGS = -std=gnu++20 -fvisibility=hidden -Wall -Wextra -Werror \
	-DPG_CUTOVER_VERSION='"$(MODULE_VERSION)"' $(SAN)
# The C compiler links: it has to be told about the C++ library. The export list keeps standard
# library templates, which carry default visibility, out of the server's global symbol table.
SHLIB_LINK += -lstdc++ -Wl,--version-script=$(top_dir)src/exports.map $(SAN)
# No inlinable SQL functions here, and the bitcode rule would compile without PG_CXXFLAGS.
override with_llvm := no

ifeq ($(FLAVOUR),debug)
PG_CXXFLAGS += -DPG_CUTOVER_DEBUG_POINTS -DUSE_ASSERT_CHECKING=1 -O1
else ifneq ($(FLAVOUR),release)
$(error FLAVOUR is release or debug, not $(FLAVOUR))
endif

# ---- install script, from its parts in name order ---------------------------------------------------
SQL_PARTS := $(sort $(wildcard $(top_dir)src/sql/*.sql))
ifeq ($(FLAVOUR),debug)
SQL_PARTS += $(sort $(wildcard $(top_dir)src/sql/debug/*.sql))
endif
INSTALL_SQL = $(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(INSTALL_SQL)
DATA = $(patsubst $(top_dir)%,%,$(sort $(wildcard $(top_dir)src/sql/upgrade/*.sql)))

# ---- installcheck -------------------------------------------------------------------------------------
ifeq ($(FLAVOUR),debug)
ISOLATION = $(ISOLATION_SPECS)
ISOLATION_OPTS = --inputdir=$(or $(top_dir),./)test/isolation --load-extension=$(EXTENSION)
PROVE_TESTS = test/t/*.pl
ifneq (,$(wildcard $(top_dir)test/t/*.pl))
# Only where the server was packaged with its test modules.
TAP_TESTS := $(if $(wildcard $(dir $(shell $(PG_CONFIG) --pgxs))../test/perl/PostgreSQL/Test/Cluster.pm),1)
endif
endif

EXTRA_CLEAN = .flavour $(OBJS:.o=.d) stage results regression.diffs regression.out output_iso \
	tmp_check log $(EXTENSION)-*.zip $(if $(in_tree),build)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# ---- rules -------------------------------------------------------------------------------------------
# Objects and install script depend on what they were built with, so that a change of flavour, flags,
# server or version rebuilds them, and on the source directories, so that a removed file is noticed.
built_with := $(FLAVOUR) $(MODULE_VERSION) $(SAN) $(CXX) $(COPT) $(PROFILE) $(shell $(PG_CONFIG) --version)
$(shell echo '$(built_with)' | cmp -s - .flavour || echo '$(built_with)' >.flavour)

# Replaces the built-in rule, which knows neither sub-directories nor header dependencies.
%.o: %.cpp .flavour
	@$(MKDIR_P) $(@D)
	$(COMPILE.cc) -MMD -MP -o $@ $<

-include $(OBJS:.o=.d)

$(shlib): $(top_dir)src/exports.map $(sort $(dir $(addprefix $(top_dir),$(SOURCES))))

$(INSTALL_SQL): $(SQL_PARTS) $(wildcard $(top_dir)src/sql $(top_dir)src/sql/debug) .flavour
	@{ printf '%s\n' '/* $(EXTENSION) $(EXTVERSION): put together from src/sql, do not edit */' \
	  '' '-- complain if script is sourced in psql, rather than via CREATE EXTENSION' \
	  '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit' && \
	  for part in $(SQL_PARTS); do printf '\n' && cat "$$part" || exit 1; done; } >$@.tmp
	@mv $@.tmp $@

endif
