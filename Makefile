# sweep: the only build file. `make help` lists what it can do.
PREFIX ?= /usr/local
CC      = gcc
CXX     = g++

ROOMS    := base model corpus laws hdf5_schema worker report bench orchestrator
PACKAGES := ompi-c hdf5-serial yaml-0.1 sentencepiece libxxhash jansson zlib libzstd gsl
SOURCES  := $(wildcard $(ROOMS:%=%/*.c) $(ROOMS:%=%/*.cc))
TESTS    := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
SCRIPTS  := $(wildcard tests/test_*.sh)

# Debian's headers are not ours to warn about: -isystem. Evaluated once, when first compiled with.
INCLUDES  = $(eval INCLUDES := $$(patsubst -I%,-isystem %,$$(shell pkg-config --cflags $(PACKAGES))))$(INCLUDES)
LIBRARIES = $(eval LIBRARIES := $$(shell pkg-config --libs $(PACKAGES)) -lsentencepiece_train -lhdf5_hl -llbfgs -lm)$(LIBRARIES)
VERSION  := $(shell cat VERSION)

WARNINGS := -Wall -Wextra -Wshadow -Werror
# No contraction and no fast math outside kernels: the same bits from every compiler flag set.
COMMON   := -O2 -g -fopenmp -ffp-contract=off -D_GNU_SOURCE -DSWEEP_VERSION='"$(VERSION)"' -I. -MMD -MP $(WARNINGS)
CSTYLE   := -std=c11 -Wconversion -Wno-sign-conversion -Wmissing-prototypes
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

OBJECTS  := $(SOURCES:%=build/release/%.o)
PROGRAM  := bin/sweep

# One line a step; `make V=1` shows the commands.
Q := $(if $(V),,@)

.PHONY: all help packages demo test test-unit test-sanitize test-scripts fuzz laptop-report lint format bench study-atlas \
	bench-ranks bench-postfit bench-coordinator bench-study torture install dist deb clean
all: $(PROGRAM)  ## build bin/sweep

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

packages:  ## install the Debian packages of packages.txt that are missing (or print the command)
	@tools/packages.sh

$(PROGRAM): $(OBJECTS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CXX) -fopenmp -o $@ $^ $(LIBRARIES)

build/release/%.c.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC  $@")
	$(Q)$(CC) $(COMMON) $(CSTYLE) $(KERNEL_FLAGS) $(INCLUDES) -c -o $@ $<
build/release/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX $@")
	$(Q)$(CXX) -std=c++17 $(COMMON) $(INCLUDES) -c -o $@ $<
build/sanitize/%.c.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC  $@")
	$(Q)$(CC) $(COMMON) -O1 $(SANITIZE) $(CSTYLE) $(KERNEL_FLAGS) $(INCLUDES) -c -o $@ $<
build/sanitize/%.cc.o: %.cc
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX $@")
	$(Q)$(CXX) -std=c++17 $(COMMON) -O1 $(SANITIZE) $(INCLUDES) -c -o $@ $<

# Instruction sets are switched on for kernel files only: the rest runs on any processor.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),)
build/%/model/kernels_avx2.c.o:   KERNEL_FLAGS := -O3 -mavx2 -mfma
AVX512 := -O3 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mprefer-vector-width=512
build/%/model/kernels_avx512.c.o: KERNEL_FLAGS := $(AVX512)
build/%/model/kernels_avx512bf16.c.o: KERNEL_FLAGS := $(AVX512) -mavx512bf16
build/%/model/kernels_amx.c.o: KERNEL_FLAGS := $(AVX512) -mavx512bf16 -mamx-tile -mamx-bf16
endif

# Sums over the points of a table: plain loops that become vector code. Neither flag changes a bit of the results.
build/%/laws/fit_objective.c.o build/%/laws/term_sum.c.o build/%/laws/atlas.c.o: KERNEL_FLAGS := -O3 -fno-trapping-math -fno-math-errno

# A test program links every object but main.
LINKED = $(filter-out build/$(1)/orchestrator/main.c.o,$(SOURCES:%=build/$(1)/%.o))
build/release/test_%: build/release/tests/test_%.c.o $(call LINKED,release)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CXX) -fopenmp -o $@ $^ $(LIBRARIES) -lcmocka
build/release/group_run: build/release/tests/group_run.c.o $(call LINKED,release)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CXX) -fopenmp -o $@ $^ $(LIBRARIES)
build/sanitize/test_%: build/sanitize/tests/test_%.c.o $(call LINKED,sanitize)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CXX) -fopenmp $(SANITIZE) -o $@ $^ $(LIBRARIES) -lcmocka

test: packages  ## build and run every test; ends with "N passed, N failed"
	@$(MAKE) -s -j2 $(PROGRAM) build/release/group_run $(TESTS:%=build/release/%) $(TESTS:%=build/sanitize/%)
	@tests/run.sh $(TESTS:%=build/release/%) $(TESTS:%=build/sanitize/%) $(SCRIPTS)

fuzz: build/sanitize/test_mutations  ## read 100 000 damaged files of each kind under the sanitizers
	@$< 100000

lint:  ## formatting, clang-tidy and cppcheck
	@tools/lint.sh

format:  ## lay out the sources with clang-format
	clang-format -i $(shell git ls-files '*.c' '*.h' '*.cc')

demo: packages  ## real text to a transfer matrix, in at most 10 minutes
	@$(MAKE) -s -j2 $(PROGRAM)
	@tools/demo.sh

bench: $(PROGRAM)  ## measure this machine: the trainer against its peak
	@$(PROGRAM) bench trainer

bench-ranks: build/release/group_run  ## time steps of scale 3 on one rank and on two, of one thread each
	@tools/bench_ranks.sh

study-atlas: build/release/test_atlas  ## known ATLAS laws fitted back from 800 noisy tables, some minutes
	@$< --study

bench-coordinator: $(PROGRAM)  ## time giving out runs and keeping points, over 8 and 64 workers
	@OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n 9 $(PROGRAM) bench coordinator
	@OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n 65 $(PROGRAM) bench coordinator

bench-study: $(PROGRAM)  ## how busy workers are, and what a checkpoint costs
	@tools/bench_study.sh

torture: $(PROGRAM)  ## kill a study at least 200 times, in many ways, and hold its archive against an undisturbed one
	@tests/torture.sh 200

bench-postfit: build/release/test_postfit_study  ## time the post-fit of 774 runs with 300 evaluations each
	@$< --full

laptop-report: $(PROGRAM)  ## docs/laptop-study.md and its figures, from the archives in examples/
	@/usr/bin/python3 tools/laptop_report.py $(PROGRAM) examples tools/laptop_study.md docs

install: $(PROGRAM)  ## install under PREFIX (default /usr/local)
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/sweep
	install -d $(DESTDIR)$(PREFIX)/share/sweep/sweeps/atlas
	install -d $(DESTDIR)$(PREFIX)/share/sweep/corpus/fetch
	install -d $(DESTDIR)$(PREFIX)/share/sweep/slurm
	install -m 644 sweeps/*.yaml $(DESTDIR)$(PREFIX)/share/sweep/sweeps
	install -m 644 sweeps/atlas/*.yaml $(DESTDIR)$(PREFIX)/share/sweep/sweeps/atlas
	install -m 644 slurm/*.sbatch $(DESTDIR)$(PREFIX)/share/sweep/slurm
	install -m 644 corpus/fetch/*.py $(DESTDIR)$(PREFIX)/share/sweep/corpus/fetch
	tools/man.sh $(PROGRAM) >build/sweep.1
	install -D -m 644 build/sweep.1 $(DESTDIR)$(PREFIX)/share/man/man1/sweep.1
	install -D -m 644 packaging/sweep.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sweep

dist:  ## build/sweep-VERSION.tar.gz, the source of the last commit
	@mkdir -p build
	git archive --prefix=sweep-$(VERSION)/ -o build/sweep-$(VERSION).tar.gz HEAD

deb: $(PROGRAM)  ## build/sweep_VERSION_ARCHITECTURE.deb
	@packaging/deb.sh

clean:  ## remove what was built (text, shards and archives stay)
	rm -rf build bin

-include $(shell find build -name "*.d" 2>/dev/null)
.SECONDARY:
