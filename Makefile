# A thin front of Meson. SAN=1: AddressSanitizer and UBSan, in build-san; TSAN=1: build-tsan; CC=clang-14: build-clang-14.
ifeq ($(origin CC),default)
CC := gcc
endif
BUILD := build
OPTIONS :=
ifneq ($(notdir $(CC)),gcc)
BUILD := build-$(notdir $(CC))
endif
ifdef SAN
BUILD := build-san
OPTIONS := -Db_sanitize=address,undefined -Db_lundef=false
endif
ifdef TSAN
BUILD := build-tsan
OPTIONS := -Db_sanitize=thread -Db_lundef=false
endif

all: deps-build
	@test -e $(BUILD)/build.ninja || CC="$(CC)" meson setup $(BUILD) $(OPTIONS)
	@ninja -C $(BUILD)

deps:
	@tools/deps build demo test
deps-%:
	@tools/deps $*

demo: deps-demo all
	@tools/demo $(BUILD)/postrider

run: deps-demo all
	@tools/run $(BUILD)/postrider

test: deps-test
	@tools/test

soak: deps-test
	@tools/test soak

fuzz: deps-test
	@tools/fuzz

lint: deps-test all
	@tools/lint $(BUILD)

bench: deps-test all
	@for one in bench/*.py; do if test -x $$one; then $$one || exit 1; fi; done
bench-%: deps-test all
	@bench/$*.py

# PREFIX=/usr/local; DESTDIR= for packages; SENDMAIL=/usr/sbin/sendmail makes that name a link to postrider.
INSTALL = tools/install $(BUILD) $(if $(PREFIX),--prefix "$(PREFIX)") $(if $(SENDMAIL),--sendmail "$(SENDMAIL)")
install: all
	@DESTDIR="$(DESTDIR)" $(INSTALL)
uninstall: all
	@DESTDIR="$(DESTDIR)" $(INSTALL) --remove

# The README's first real domain, followed to the letter on a fresh Debian; as root, takes minutes and the network.
trial:
	@tools/deps demo trial
	@tools/trial

clean:
	rm -rf build build-*/

.PHONY: all deps demo run test soak fuzz lint bench install uninstall trial clean
