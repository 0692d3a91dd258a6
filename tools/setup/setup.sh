#!/usr/bin/env bash
# Makes a fresh Debian 12 ready for this project: setup.sh [build|run|demo|all]   (called by make; default all)
#   build   what compiles and tests the program: Debian packages
#   run     what runs the suites: Debian packages, Taurus (build/venv-bzt), Multi Model Server (build/venv-mms), JMeter
#           (build/jmeter), the models (build/models) and what the reports embed (build/uplot)
#   demo    both
#   all     both, and what only tests need and can be done without: a browser, axe-core for the pages (build/axe), the schema of
#           junit.xml, an emulator of S3 (build/venv-test)
# Every version is pinned in the files beside this one. A step that is done is not done again and touches no network: a stamp records
# what it was made from. Steps that do not depend on a failed one still run, and the last line says what is missing.
# Exit status: 0 ready; 2 usage; else that of the first step that failed: 3 packages, 4 Taurus, 5 server, 6 JMeter, 7 models;
# 0 also when only something is missing that can be done without, which the last line names;
# 130/143 interrupted (nothing half-made is left behind that a later call would take for whole).
#
# Owns: everything in build/ that is downloaded. Does not own: compiling (Makefile). Needs: bash, coreutils, findutils, util-linux.
set -euo pipefail
here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -P -- "$here/../.." && pwd)
build=$root/build
usage() { echo "usage: setup.sh [build|run|demo|all]" >&2; exit 2; }
[ $# -le 1 ] || usage
phase=${1:-all}
case $phase in
build) what="to build" ;;
run) what="to run the suites" ;;
demo) what="to build and to run the suites" ;;
all) what="to build, to run the suites and to test" ;;
-h | --help) sed -n '2,14s/^# \?//p' "${BASH_SOURCE[0]}"; exit 0 ;;
*) usage ;;
esac
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # bpftool lies in a sbin folder, which users do not have in PATH

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: %s\n' "$*" >&2; }
join() { local out='' x; for x in "$@"; do out+=${out:+, }$x; done; printf %s "$out"; }

began=$SECONDS step_began=0
step() { step_began=$SECONDS; say "$*"; }
step_done() { say "  done in $((SECONDS - step_began)) s${1:+: $1}"; }

status=0 missing=()
failed() { # STATUS WHAT: remembers it and goes on; the first one's status counts
	[ "$status" -ne 0 ] || status=$1
	missing+=("$2")
}
because() { # LOG: the line that says why
	local line
	line=$(grep -m1 -E '^(E:|W: Failed|ERROR|\[ERROR\]|[A-Za-z.]*(Error|Exception)|(digits|uplot|xsd|axe):)' "$1" | cut -c1-300) || line="no reason given"
	warn "  $line ($(realpath --relative-to="$PWD" -- "$1"))"
}

# --- ending -----------------------------------------------------------------------------------------------------------------------
tmp=     # removed at the end
half=    # a folder that is being made in place: worthless until its stamp exists
child=   # the process group of the command that runs now
finish=0 # 1: that command must not be cut short
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	trap '' INT TERM HUP
	if [ -n "$child" ]; then
		if [ "$finish" = 1 ]; then
			warn "letting dpkg finish first: cut short, it would leave the system's packages half-configured"
		else
			kill -TERM -- "-$child" 2>/dev/null || true
		fi
		wait "$child" 2>/dev/null || true
	fi
	[ -z "$half" ] || rm -rf -- "$half"
	[ -z "$tmp" ] || rm -rf -- "$tmp"
}
trap cleanup EXIT
trap 'warn "interrupted"; exit 130' INT
trap 'warn "ended by a signal"; exit 143' TERM HUP

# Runs a command in a process group of its own, so that an interruption is acted on at once (bash runs a trap only between commands, but
# lets it interrupt `wait`) and ends all that the command started. Its output goes to a log.
run() { # LOG COMMAND…
	local log=$1 rc=0
	shift
	set -m
	"$@" >>"$log" 2>&1 </dev/null 9>&- &
	child=$!
	set +m
	wait "$child" || rc=$?
	child=
	return $rc
}

# --- stamps -----------------------------------------------------------------------------------------------------------------------
# A key says what a folder was made from. The root is part of it, because venvs carry absolute paths.
key() { { printf '%s\n' "$root"; cat -- "$@"; } | sha256sum | cut -d' ' -f1; }
ready() { [ "$(cat "$1/.ready" 2>/dev/null)" = "$2" ]; } # FOLDER KEY
jmeter_key() { key "$root/tools/jmeter/pom.xml" "$root/tools/jmeter/jmeter"; }

# --- probes -----------------------------------------------------------------------------------------------------------------------
python= # the interpreter that the venvs are made with
find_python() {
	local p
	[ -z "$python" ] || return 0
	for p in python3.11 python3 /usr/bin/python3 python3.12 python3.13; do # 3.11 is what the lists were made with; older is refused
		if "$p" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
			python=$p
			return 0
		fi
	done
	return 1
}
find_clang() { local c; for c in clang-16 clang-17 clang-18 clang-19; do ! command -v $c >/dev/null || return 0; done; return 1; }
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
	clang) find_clang ;;
	fuzzer) compgen -G "/usr/lib/llvm-1[6-9]/lib/clang/*/lib/linux/libclang_rt.fuzzer*" >/dev/null ;;
	python) find_python ;;
	java) java_is_new ;;
	maven) { ready "$build/jmeter" "$(jmeter_key)" && [ -e "$build/uplot/uPlot.iife.min.js" ]; } || command -v mvn >/dev/null ;;
	*) warn "packages.txt: unknown probe '$1'"; exit 1 ;;
	esac
}

# --- Debian packages --------------------------------------------------------------------------------------------------------------
packages() {
	local p need package probe purpose lack=() without=() why='' must=0 log=$build/setup-apt.log
	while read -r p need package probe _ purpose; do
		case $phase:$p in all:build | all:run | all:test | demo:build | demo:run | build:build | run:run) ;; *) continue ;; esac
		if ! there "$probe"; then
			lack+=("$package")
			[ "$need" != must ] || must=1
			# The steps of the run phase say themselves what they miss.
			[ "$p" = run ] || [[ " ${without[*]} " == *" $purpose "* ]] || without+=("$purpose")
		fi
	done <"$here/packages.txt"
	[ ${#lack[@]} -gt 0 ] || return 0

	if ! command -v apt-get >/dev/null; then
		why="this system has no apt-get"
	elif [ "$(id -u)" != 0 ]; then
		why="not root"
	else
		step "Debian packages: ${lack[*]}"
		: >"$log"
		local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2)
		local install=(install --no-install-recommends "${lack[@]}")
		run "$log" "${apt[@]}" update || true # an old list may still do
		# Downloading may be cut short, unpacking may not. What an earlier power cut left behind is put right first.
		[ -z "$(dpkg --audit 2>/dev/null)" ] || run "$log" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true
		if run "$log" "${apt[@]}" "${install[@]}" --download-only &&
			{ finish=1; run "$log" "${apt[@]}" "${install[@]}" --no-download; }; then
			finish=0
			step_done
			return 0
		fi
		finish=0
		why="apt-get failed"
		because "$log"
	fi
	warn "$why, and so not installed (as root: apt-get install --no-install-recommends ${lack[*]})"
	missing+=("${without[@]}")
	[ $must = 0 ] || status=3
}

# --- Python -----------------------------------------------------------------------------------------------------------------------
mend_taurus() { # VENV
	local file
	file=$(find "$1"/lib/python3*/site-packages/bzt/modules -name console.py)
	sed -i -f "$here/taurus-console.sed" "$file" && grep -q 'hasattr(module, "get_widget")' "$file" && "$1/bin/python" -m py_compile "$file"
}

venv() { # NAME REQUIREMENTS PROGRAM TITLE STATUS
	local dir=$build/$1 list=$here/$2 program=$3 title=$4 log=$build/setup-$1.log k
	k=$(key "$list" "$here/taurus-console.sed")
	# The interpreter below a venv goes away with an upgrade of the system: then it is made anew.
	if ready "$dir" "$k" && "$dir/bin/python" -c '' 2>/dev/null; then return 0; fi
	if ! find_python; then
		failed "$5" "$title (no Python 3.11 or later with venv)"
		return 0
	fi
	step "$title: Python packages into build/$1"
	: >"$log"
	half=$dir
	rm -rf -- "$dir"
	local pip=("$dir/bin/python" -m pip --disable-pip-version-check --no-input)
	# The list is complete, so nothing is left to the resolver; what comes as source is built with the listed setuptools.
	if run "$log" "$python" -m venv "$dir" &&
		{ ! grep -q '^setuptools==' "$list" || run "$log" "${pip[@]}" install -q --no-deps "$(grep '^setuptools==' "$list")"; } &&
		run "$log" "${pip[@]}" install -q --no-deps --no-build-isolation -r "$list" &&
		run "$log" "${pip[@]}" check && [ -x "$dir/bin/$program" ] && { [ "$program" != bzt ] || mend_taurus "$dir"; }; then
		printf '%s\n' "$k" >"$dir/.ready"
		half=
		step_done "$(grep "^$program==" "$list")"
	else
		rm -rf -- "$dir"
		half=
		because "$log"
		failed "$5" "$title"
	fi
}

# --- JMeter -----------------------------------------------------------------------------------------------------------------------
jmeter() {
	local dir=$build/jmeter log=$build/setup-jmeter.log made=''
	! ready "$dir" "$(jmeter_key)" || return 0
	if ! command -v mvn >/dev/null || ! java_is_new; then
		failed 6 "JMeter (needs mvn and Java 11 or later${JAVA_HOME:+; JAVA_HOME is $JAVA_HOME})"
		return 0
	fi
	step "JMeter 5.6.3 from Maven Central into build/jmeter"
	: >"$log"
	mkdir -p "$tmp/jmeter"
	cp "$root/tools/jmeter/pom.xml" "$tmp/jmeter"
	if run "$log" mvn --batch-mode --no-transfer-progress -f "$tmp/jmeter/pom.xml" -Dmaven.repo.local="$tmp/m2" \
		com.lazerycode.jmeter:jmeter-maven-plugin:3.7.0:configure@configuration; then
		made=$(find "$tmp/jmeter/target" -name ApacheJMeter-5.6.3.jar -path '*/bin/*')
	fi
	if [ -n "$made" ]; then
		made=${made%/bin/*}
		install -m 755 "$root/tools/jmeter/jmeter" "$made/bin/jmeter"
		if run "$log" "$made/bin/jmeter" -j "$tmp/jmeter.log" --version; then
			jmeter_key >"$made/.ready"
			rm -rf -- "$dir"
			mv -- "$made" "$dir"
			rm -rf -- "$tmp/jmeter"
			step_done
			return 0
		fi
	fi
	because "$log"
	failed 6 JMeter
}

# --- models -----------------------------------------------------------------------------------------------------------------------
models() {
	local dir=$build/models src=$root/tests/models log=$build/setup-models.log new=$tmp/models py=$build/venv-mms/bin/python k m
	local list=$here/requirements-digits.txt
	k=$(cd "$src" && find . -name __pycache__ -prune -o -type f -print0 | sort -z |
		xargs -0 sha256sum -- "$list" "$here/requirements-mms.txt" | sha256sum | cut -d' ' -f1)
	! ready "$dir" "$k" || return 0
	if [ ! -e "$build/venv-mms/.ready" ]; then
		failed 7 "models (made with the server's Python)"
		return 0
	fi
	step "models: training 'digits', packing all of tests/models into build/models"
	: >"$log"
	mkdir -p "$new" "$tmp/wheel"
	for m in "$src"/*/; do
		m=$(basename "$m")
		mkdir "$new/$m"
		(cd "$src/$m" && find . -name __pycache__ -prune -o -type f ! -name train.py -print0 | xargs -0 cp --parents -t "$new/$m" --)
	done
	if run "$log" "$py" -m pip --disable-pip-version-check --no-input download -q --no-deps --only-binary :all: -d "$tmp/wheel" -r "$list" &&
		run "$log" env PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$py" "$src/digits/train.py" \
			"$tmp"/wheel/scikit_learn-*.whl "$new/digits/weights.npz"; then
		cp -- "$new/digits/network.py" "$new/digits/weights.npz" "$new/digits_batch" # the same networks, read by another handler
		printf '%s\n' "$k" >"$new/.ready"
		rm -rf -- "$dir"
		mv -- "$new" "$dir"
		step_done "$(grep -a '^digits:' "$log" | cut -d' ' -f2-)"
	else
		because "$log"
		failed 7 models
	fi
}

# --- what the reports embed and are tested with ------------------------------------------------------------------------------------
# Each script checks by itself whether its file is there and right, and needs no network then. Without them everything works but what
# stands at the call.
extra() { # SCRIPT FILE TITLE
	local log=$build/setup-${1%.sh}.log
	if [ -e "$build/$2" ] && "$here/$1" >/dev/null 2>&1; then return 0; fi
	step "$3 into build/${2%%/*}"
	: >"$log"
	if run "$log" env M2_REPO="$tmp/m2" TMPDIR="$tmp" "$here/$1"; then
		step_done
	else
		because "$log"
		missing+=("$3")
	fi
}

# --- all of it --------------------------------------------------------------------------------------------------------------------
mkdir -p "$build"
exec 9>"$build/.setup.lock"
if ! flock -n 9; then
	say "waiting for another set-up in this folder"
	flock 9
fi
rm -rf -- "$build"/setup.?????? # of one that was killed: the lock says that nobody uses it
tmp=$(mktemp -d "$build/setup.XXXXXX")

packages
if [ "$phase" != build ]; then
	venv venv-bzt requirements-bzt.txt bzt Taurus 4
	venv venv-mms requirements-mms.txt multi-model-server "Multi Model Server" 5
	jmeter
	models
	if [ "$phase" = all ]; then
		venv venv-test requirements-test.txt moto_server "S3 emulator of the tests (moto)" 0
		extra xsd.sh junit-10.xsd "schema of junit.xml (for its tests)"
		extra axe.sh axe/axe.min.js "axe-core (for tests of the pages)"
	fi
	extra uplot.sh uplot/uPlot.iife.min.js "charts of the report (uPlot)"
fi

if [ "$status" = 0 ]; then
	say "ready $what ($((SECONDS - began)) s)${missing[0]:+, without $(join "${missing[@]}")}"
	exit 0
fi
works="a build/mmsperf-bpf that was built before"
if there inc:stdlib.h && there cmd:make && there pc:yaml-0.1 && there pc:libxml-2.0; then
	works="building (make), its tests without the suites, and the collector (mmsperf-bpf agent, mmsperf-bpf metrics)"
fi
warn "not ready $what ($((SECONDS - began)) s), missing: $(join "${missing[@]}"). Still works: $works"
exit "$status"
