# SPDX-License-Identifier: GPL-2.0-only
# Fuzz targets: libFuzzer with ASan, needs clang and libclang-rt (tools/setup/packages.txt). Included by the Makefile.
FUZZ := $(sort $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_[a-z]*.c)))
FUZZ := $(filter-out $(B)/fuzz/fuzz_dir,$(FUZZ))
FUZZ_SECONDS ?= 20
# Without BPF: nothing that is fuzzed loads a program.
FUZZFLAGS = -g -O1 -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer -DMP_NO_BPF -MMD -MP -std=gnu11 -Itests/fuzz \
	$(filter-out -DMP_NO_BPF,$(CPPFLAGS_ALL))

.PHONY: fuzz
fuzz: $(FUZZ) ## fuzz every reader of foreign text for FUZZ_SECONDS (20) each
	$(Q)tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

$(B)/fuzz/obj/%.o: src/%.c
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZFLAGS) -c $< -o $@

$(B)/fuzz/libmmsperf.a: $(LIBOBJ:$(B)/obj/%=$(B)/fuzz/obj/%)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZ): $(B)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz_dir.c $(B)/fuzz/libmmsperf.a
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZFLAGS) -fsanitize=fuzzer,address $< tests/fuzz/fuzz_dir.c $(B)/fuzz/libmmsperf.a -o $@ \
		$(filter-out -l:libbpf.a -lelf,$(LIBS))

-include $(LIBOBJ:$(B)/obj/%.o=$(B)/fuzz/obj/%.d) $(FUZZ:=.d)
