#!/usr/bin/env bash
# Makes a fresh Debian 12 ready for this project: setup.sh [build|run|all]   (called by make; default all)
#   build   what compiles and tests the program: Debian packages
#   run     what runs the suites: Debian packages, Taurus (build/venv-bzt), Multi Model Server (build/venv-mms), JMeter
#           (build/jmeter) and the models (build/models)
# Every version is pinned in the files beside this one. A step that is done is not done again and touches no network: what it was made
# from is recorded in a stamp. Steps that do not depend on a failed one still run, and the last lines say what is missing.
# Exit status: 0 ready; 2 usage; else that of the first step that failed: 3 packages, 4 Taurus, 5 server, 6 JMeter, 7 models;
# 130/143 interrupted (nothing half-made is left behind that a later call would take for whole).
#
# Owns: everything in build/ that is downloaded. Does not own: compiling (Makefile). Needs: bash, coreutils, util-linux.
set -euo pipefail
here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -P -- "$here/../.." && pwd)
build=$root/build
phase=${1:-all}
case $phase in
build | run | all) ;;
-h | --help) sed -n '2,11s/^# \?//p' "${BASH_SOURCE[0]}"; exit 0 ;;
*) echo "usage: setup.sh [build|run|all]" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "usage: setup.sh [build|run|all]" >&2; exit 2; }

began=$SECONDS
say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: %s\n' "$*" >&2; }
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # bpftool lies in a sbin folder, which users do not have in PATH

# --- ending -----------------------------------------------------------------------------------------------------------------------
tmp=
half=  # a folder that is being made in place, so worthless until its stamp exists
child= # the process group of the command that runs now
status=0
cleanup() {
	if [ -n "$child" ] && kill -TERM -- "-$child" 2>/dev/null; then wait "$child" 2>/dev/null || true; fi
	[ -z "$half" ] || rm -rf -- "$half"
	[ -z "$tmp" ] || rm -rf -- "$tmp"
}
trap cleanup EXIT
trap 'warn "interrupted"; exit 130' INT
trap 'warn "ended by a signal"; exit 143' TERM HUP

# Runs a command in its own process group with its output in a log, so that an interruption ends all of it and at once (bash
# delivers a trap only between commands, but interrupts `wait`).
run() { # LOG COMMAND…
	local log=$1 rc=0
	shift
	set -m
	"$@" >>"$log" 2>&1 </dev/null &
	child=$!
	set +m
	wait "$child" || rc=$?
	child=
	return $rc
}

failed() { # STATUS WHAT: remembers the first failure, goes on
	[ "$status" -ne 0 ] || status=$1
	missing+=("$2")
}
missing=()

log_tail() { # LOG: the lines that say why, to stderr
	grep -iE '^(E:|W: Failed|ERROR|\[ERROR\]|[A-Za-z.]*Error|digits:)' "$1" | sort -u | tail -n 3 | cut -c1-300 | sed 's/^/setup:   /' >&2 || true
	warn "  all of it: $(realpath --relative-to="$PWD" -- "$1")"
}

# --- probes -----------------------------------------------------------------------------------------------------------------------
python= # the interpreter that the venvs are made with: the pinned versions need 3.11 or later
find_python() {
	local p
	[ -z "$python" ] || return 0
	for p in python3 python3.11 /usr/bin/python3 python3.12 python3.13 python3.14; do
		if "$p" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
			python=$p
			return 0
		fi
	done
	return 1
}
java_is_new() {
	local version
	version=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p') || return 1
	[ -n "$version" ] && [ "$version" -ge 11 ]
}
there() { # PROBE
	case $1 in
	cmd:*) command -v "${1#cmd:}" >/dev/null ;;
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	inc:*) printf '#include <%s>\n' "${1#inc:}" | gcc -E -o /dev/null -x c - 2>/dev/null ;;
	python) find_python ;;
	java) java_is_new ;;
	jmeter) ready "$build/jmeter" "$(jmeter_key)" && return 0; return 1 ;;
	*) warn "packages.txt: unknown probe '$1'"; exit 1 ;;
	esac
}

# --- stamps -----------------------------------------------------------------------------------------------------------------------
# A key says what a folder was made from; the root is part of it because venvs carry absolute paths.
key() { { printf '%s\n' "$root"; cat -- "$@"; } | sha256sum | cut -d' ' -f1; }
ready() { [ "$(cat "$1/.ready" 2>/dev/null)" = "$2" ]; } # FOLDER KEY
jmeter_key() { key "$root/tools/jmeter/pom.xml" "$root/tools/jmeter/jmeter"; }

step_began=0
step() { step_began=$SECONDS; say "$*"; }
step_done() { say "  done in $((SECONDS - step_began)) s${1:+: $1}"; }

# --- Debian packages --------------------------------------------------------------------------------------------------------------
packages() {
	local p need package probes equals purpose probe lack=() must=() may=() reason=
	while read -r p need package probes equals purpose; do
		case $p in '' | '#'*) continue ;; esac
		[ "$phase" = all ] || [ "$phase" = "$p" ] || continue
		if [[ $probes == jmeter,* ]]; then # only needed until JMeter is there
			! there jmeter || continue
			probes=${probes#jmeter,}
		fi
		for probe in ${probes//,/ }; do
			if ! there "$probe"; then
				lack+=("$package")
				break
			fi
		done
	done <"$here/packages.txt"
	: "$need" "$equals" "$purpose"
	[ ${#lack[@]} -gt 0 ] || return 0

	step "Debian packages: ${lack[*]}"
	if ! command -v apt-get >/dev/null; then
		reason="this system has no apt-get"
	elif [ "$(id -u)" != 0 ]; then
		reason="not root"
	else
		local log=$build/setup-apt.log
		: >"$log"
		local options=(-q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Dpkg::Use-Pty=0)
		# An old list may still do, so a failed update is not the end.
		run "$log" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update || true
		if ! run "$log" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --no-install-recommends "${lack[@]}"; then
			reason="apt-get failed"
			log_tail "$log"
		fi
	fi
	if [ -z "$reason" ]; then
		step_done
		return 0
	fi
	python=
	while read -r p need package probes equals purpose; do
		[[ " ${lack[*]} " == *" $package "* ]] || continue
		if [ "$need" = must ]; then must+=("$package ($purpose)"); else may+=("$package ($purpose)"); fi
	done <"$here/packages.txt"
	warn "$reason, so these are missing: $(join "${must[@]}" "${may[@]}")"
	warn "  as root: apt-get install --no-install-recommends ${lack[*]}"
	[ ${#must[@]} -eq 0 ] || failed 3 "packages: $(join "${must[@]}")"
}
join() { local out= x; for x in "$@"; do out+=${out:+, }$x; done; printf %s "$out"; }

# --- Python -----------------------------------------------------------------------------------------------------------------------
venv() { # NAME REQUIREMENTS PROGRAM TITLE STATUS
	local dir=$build/$1 list=$here/$2 program=$3 title=$4 log=$build/setup-$1.log k
	k=$(key "$list" "${BASH_SOURCE[0]}")
	# The interpreter below a venv goes away with an upgrade of the system: then it is made anew.
	if ready "$dir" "$k" && "$dir/bin/python" -c '' 2>/dev/null; then return 0; fi
	step "$title: Python packages into build/$1"
	if ! find_python; then
		warn "no Python 3.11 or later with its venv module"
		failed "$5" "$title"
		return 0
	fi
	: >"$log"
	half=$dir
	rm -rf -- "$dir"
	local pip=("$dir/bin/python" -m pip --disable-pip-version-check --no-input)
	# The list is complete, so nothing is left to the resolver; what comes as source is built by the listed setuptools.
	if run "$log" "$python" -m venv "$dir" &&
		{ ! grep -q '^setuptools==' "$list" || run "$log" "${pip[@]}" install -q --no-deps "$(grep '^setuptools==' "$list")"; } &&
		run "$log" "${pip[@]}" install -q --no-deps --no-build-isolation -r "$list" &&
		run "$log" "${pip[@]}" check && [ -x "$dir/bin/$program" ]; then
		printf '%s\n' "$k" >"$dir/.ready"
		half=
		step_done "$(grep -m1 -E '^(bzt|multi-model-server)==' "$list")"
	else
		rm -rf -- "$dir"
		half=
		warn "$title could not be installed"
		log_tail "$log"
		failed "$5" "$title"
	fi
}

# --- JMeter -----------------------------------------------------------------------------------------------------------------------
jmeter() {
	local dir=$build/jmeter log=$build/setup-jmeter.log made
	! ready "$dir" "$(jmeter_key)" || return 0
	step "JMeter 5.6.3 from Maven Central into build/jmeter"
	: >"$log"
	mkdir -p "$tmp/jmeter"
	cp "$root/tools/jmeter/pom.xml" "$tmp/jmeter"
	if command -v mvn >/dev/null && java_is_new &&
		run "$log" mvn --batch-mode --no-transfer-progress -f "$tmp/jmeter/pom.xml" -Dmaven.repo.local="$tmp/m2" \
			com.lazerycode.jmeter:jmeter-maven-plugin:3.7.0:configure@configuration &&
		made=$(find "$tmp/jmeter/target" -name ApacheJMeter-5.6.3.jar -path '*/bin/*') && [ -n "$made" ]; then
		made=${made%/bin/*}
		install -m 755 "$root/tools/jmeter/jmeter" "$made/bin/jmeter"
		if (cd "$tmp" && run "$log" "$made/bin/jmeter" -j "$tmp/jmeter.log" --version); then
			jmeter_key >"$made/.ready"
			rm -rf -- "$dir"
			mv -- "$made" "$dir"
			rm -rf -- "$tmp/m2" "$tmp/jmeter"
			step_done
			return 0
		fi
	fi
	warn "JMeter could not be assembled"
	command -v mvn >/dev/null || warn "  no mvn in PATH"
	java_is_new || warn "  no Java 11 or later"
	log_tail "$log"
	failed 6 JMeter
}

# --- models -----------------------------------------------------------------------------------------------------------------------
models() {
	local dir=$build/models src=$root/tests/models log=$build/setup-models.log new=$tmp/models python=$build/venv-mms/bin/python k m
	local list=$here/requirements-digits.txt
	k=$(find "$src" -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 cat -- "$list" "$here/requirements-mms.txt" |
		sha256sum | cut -d' ' -f1)
	! ready "$dir" "$k" || return 0
	step "models: training 'digits', packing all of tests/models into build/models"
	: >"$log"
	if [ ! -e "$build/venv-mms/.ready" ]; then
		warn "no models without the server's Python (build/venv-mms)"
		failed 7 models
		return 0
	fi
	mkdir -p "$new" "$tmp/wheel"
	for m in "$src"/*/; do
		m=$(basename "$m")
		mkdir "$new/$m"
		(cd "$src/$m" && find . -name __pycache__ -prune -o -type f ! -name train.py -print0 | xargs -0 cp --parents -t "$new/$m" --)
	done
	if run "$log" "$python" -m pip --disable-pip-version-check --no-input download -q --no-deps --only-binary :all: -d "$tmp/wheel" -r "$list" &&
		run "$log" env PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 "$python" "$src/digits/train.py" \
			"$tmp"/wheel/scikit_learn-*.whl "$new/digits/weights.npz"; then
		printf '%s\n' "$k" >"$new/.ready"
		rm -rf -- "$dir"
		mv -- "$new" "$dir"
		step_done "$(grep -a '^digits:' "$log" | cut -d' ' -f2-)"
	else
		warn "the models could not be made"
		log_tail "$log"
		failed 7 models
	fi
}

# --- all of it --------------------------------------------------------------------------------------------------------------------
mkdir -p "$build"
exec 9>"$build/.setup.lock"
if ! flock -n 9; then
	say "waiting for another set-up in this folder"
	flock 9
fi
tmp=$(mktemp -d "$build/setup.XXXXXX")

packages
if [ "$phase" != build ]; then
	venv venv-bzt requirements-bzt.txt bzt Taurus 4
	venv venv-mms requirements-mms.txt multi-model-server "Multi Model Server" 5
	jmeter
	models
fi

case $phase in
build) what="to build" ;;
run) what="to run the suites" ;;
all) what="to build and to run the suites" ;;
esac
if [ "$status" = 0 ]; then
	say "ready $what ($((SECONDS - began)) s)"
	exit 0
fi
warn "not ready $what: $(join "${missing[@]}")"
if [ "$phase" != build ] && [[ " ${missing[*]}" != *" packages:"* ]]; then
	warn "  what still works: building, the unit and BPF tests, and the collector (mmsperf-bpf agent, mmsperf-bpf metrics)"
fi
exit "$status"
