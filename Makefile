# SPDX-License-Identifier: GPL-2.0-only
# One Makefile, no recursion. `make help` lists the targets; V=1 shows the commands.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=

B := build
CC ?= gcc
CLANG ?= $(firstword $(foreach c,clang-16 clang-17 clang-18 clang-19 clang,$(shell command -v $(c) 2>/dev/null)))
BPFTOOL ?= $(firstword $(shell command -v bpftool 2>/dev/null) $(wildcard /usr/sbin/bpftool))
PKG_CONFIG ?= pkg-config

ifeq ($(V),1)
Q :=
msg = @:
else
Q := @
msg = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(B)/%,%,$(2))'
endif

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all

# --- what this machine has ---------------------------------------------------
PKGS := yaml-0.1 libxml-2.0 libcurl jansson sqlite3 expat libcap libmd
# Without a BPF tool chain the program is built all the same and stands on /proc.
BPF_MISSING := $(strip $(if $(CLANG),,clang-16) $(if $(BPFTOOL),,bpftool) \
	$(if $(wildcard /usr/include/bpf/libbpf.h /usr/local/include/bpf/libbpf.h),,libbpf-dev))
ifneq ($(NO_BPF),)
BPF_MISSING := NO_BPF is set
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
CFLAGS ?= -O2 -g
CPPFLAGS_ALL = -D_GNU_SOURCE -DMP_VERSION='"$(VERSION)"' -DMP_PREFIX='"$(PREFIX)"' -Iinclude -Isrc -I$(B) \
	$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null) $(if $(BPF_MISSING),-DMP_NO_BPF)
CFLAGS_ALL = -std=gnu11 $(WARN) -fno-strict-aliasing -fstack-protector-strong -MMD -MP
LIBBPF := $(if $(BPF_MISSING),,-l:libbpf.a -lelf -lz)
LIBS = $(LIBBPF) $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) -lm -lpthread

SRC := $(sort $(wildcard src/main.c src/*/*.c))
OBJ := $(SRC:src/%.c=$(B)/obj/%.o)
LIBOBJ := $(filter-out $(B)/obj/main.o,$(OBJ))
BPF_SRC := $(sort $(wildcard bpf/*.bpf.c))
BPF_HDR := $(wildcard bpf/*.h vmlinux/*.h include/mmsperf/abi.h include/mmsperf/abi_groups.h)
UNIT := $(sort $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/test_*.c)))
UNIT_SAN := $(UNIT:$(B)/unit/%=$(B)/san/unit/%)
BPFTEST := $(sort $(patsubst tests/bpf/%.c,$(B)/bpftest/%,$(wildcard tests/bpf/test_*.c)))

-include src/report/assets.mk

# --- targets -----------------------------------------------------------------
.PHONY: all help deps setup demo test test-unit test-san test-bpf test-kernels check-arm64 test-e2e bench format format-check \
	install uninstall clean distclean

all: $(B)/mmsperf-bpf ## build build/mmsperf-bpf (the default)

help: ## list the targets
	@printf 'mmsperf-bpf %s\n\n' '$(VERSION)'
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24
	@printf '\nVariables: V=1 (show commands), PREFIX, DESTDIR, CC, CLANG, BPFTOOL, NO_BPF=1\n'

setup: ## install what is missing: packages, bzt, model server, JMeter, models (repeatable)
	$(Q)tools/setup/setup.sh all

demo: ## set up, build, run the five suites against a real model server, say where the report is
	$(Q)tools/demo.sh

test: ## set up, build and pass every test
	$(Q)tests/run.sh

test-unit: $(UNIT) ## unit tests (no root)
	$(Q)tests/run.sh unit

test-san: $(UNIT_SAN) ## unit tests under ASan and UBSan
	$(Q)tests/run.sh san

test-bpf: $(BPFTEST) ## BPF tests (root)
	$(Q)tests/run.sh bpf

test-kernels: all $(BPFTEST) ## BPF tests under every kernel to be had, in virtual machines (root, downloads them)
	$(Q)tools/test_kernels.py

check-arm64: ## compile and link everything for arm64 (root, downloads Debian's arm64 packages)
	$(Q)tools/check-arm64.sh

test-e2e: all ## end-to-end tests with the real bzt, JMeter and model server
	$(Q)tests/run.sh e2e

bench: all ## what a sample costs beside its rivals, what a report and 10,000 runs cost; bars in build/bench.json
	$(Q)tools/bench/bench.sh

deps:
	@missing=; for p in $(PKGS); do $(PKG_CONFIG) --exists $$p 2>/dev/null || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "cannot build: development files of$$missing (and pkg-config) are missing; as root 'make setup' installs them" >&2; exit 1; fi
	@$(if $(BPF_MISSING),echo 'building without BPF ($(if $(NO_BPF),NO_BPF is set,missing: $(BPF_MISSING))): the collector will stand on /proc' >&2,:)

# --- BPF ---------------------------------------------------------------------
BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDR)
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Werror -Ivmlinux -Iinclude -c $< -o $@

$(B)/mmsperf.bpf.o: $(BPF_SRC:bpf/%.c=$(B)/bpf/%.o)
	$(call msg,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/mmsperf.skel.h: $(B)/mmsperf.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name mmsperf_bpf >$@

ifeq ($(BPF_MISSING),)
ifneq ($(BPF_SRC),)
$(patsubst src/%.c,$(B)/obj/%.o,$(wildcard src/kernel/*.c)) \
$(patsubst src/%.c,$(B)/san/obj/%.o,$(wildcard src/kernel/*.c)): $(B)/mmsperf.skel.h
endif
endif

# --- C -----------------------------------------------------------------------
$(B)/obj/%.o: src/%.c | deps
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS) -c $< -o $@

$(B)/mmsperf-bpf: $(OBJ)
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# --- tests -------------------------------------------------------------------
TESTFLAGS = -Itests $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-missing-prototypes -DMP_TEST_DATA='"$(CURDIR)/tests"'
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

$(B)/libmmsperf.a: $(LIBOBJ)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/unit/%: tests/unit/%.c $(B)/libmmsperf.a
	$(call msg,UNIT,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TESTFLAGS) $(CFLAGS) $< $(B)/libmmsperf.a -o $@ $(LIBS) -lcmocka

$(B)/bpftest/%: tests/bpf/%.c $(B)/libmmsperf.a $(wildcard tests/bpf/*.h)
	$(call msg,BPFTEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TESTFLAGS) $(CFLAGS) $< $(B)/libmmsperf.a -o $@ $(LIBS) -lcmocka

$(B)/san/obj/%.o: src/%.c | deps
	$(call msg,SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -O1 -g $(SAN) -c $< -o $@

$(B)/san/libmmsperf.a: $(LIBOBJ:$(B)/obj/%=$(B)/san/obj/%)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/san/unit/%: tests/unit/%.c $(B)/san/libmmsperf.a
	$(call msg,SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TESTFLAGS) -O1 -g $(SAN) $< $(B)/san/libmmsperf.a -o $@ $(LIBS) -lcmocka

.PHONY: build-tests build-san
build-tests: $(UNIT) $(BPFTEST)
build-san: $(UNIT_SAN)

-include tests/fuzz/fuzz.mk

# --- the rest ----------------------------------------------------------------
FORMATTED = $(wildcard src/*.c src/*/*.[ch] include/mmsperf/*.h bpf/*.[ch] tests/unit/*/*.[ch] tests/bpf/*.[ch] tests/fuzz/*.[ch])
format: ## apply .clang-format
	$(Q)clang-format-16 -i $(FORMATTED)

format-check: ## fail where .clang-format would change something
	$(Q)clang-format-16 --dry-run -Werror $(FORMATTED)

TAURUS := metrics_monitoring_taurus.py metrics_monitoring_inproc.py metrics_monitoring_server.py run_performance_suite.py \
	mmsperf_client.py requirements.txt
install: all ## install under DESTDIR/PREFIX
	install -D -m 0755 $(B)/mmsperf-bpf $(DESTDIR)$(PREFIX)/bin/mmsperf-bpf
	for f in $(TAURUS); do install -D -m 0644 tools/taurus/$$f $(DESTDIR)$(PREFIX)/share/mmsperf-bpf/taurus/$$f || exit 1; done

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/mmsperf-bpf
	rm -rf $(DESTDIR)$(PREFIX)/share/mmsperf-bpf

clean: ## remove what was compiled (set-up under build/ stays)
	rm -rf $(B)/obj $(B)/san $(B)/fuzz $(B)/bpf $(B)/unit $(B)/bpftest $(B)/mmsperf-bpf $(B)/libmmsperf.a $(B)/mmsperf.bpf.o $(B)/mmsperf.skel.h

distclean: ## remove build/ whole
	rm -rf $(B)

-include $(OBJ:.o=.d) $(LIBOBJ:$(B)/obj/%.o=$(B)/san/obj/%.d) $(UNIT:=.d) $(UNIT_SAN:=.d) $(BPFTEST:=.d)
