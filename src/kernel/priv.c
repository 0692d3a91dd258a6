// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives up privileges for good: uid, groups, every capability that the rung in use does not need.
 * Called once by the agent, after everything was loaded, attached and opened.
 */
#include <mmsperf/priv.h>

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static void free_caps(cap_t *c)
{
	if (*c)
		(void)cap_free(*c);
}
#define _cleanup_cap_ _cleanup_(free_caps)

bool mp_priv_has(int capability)
{
	_cleanup_cap_ cap_t now = cap_get_proc();
	cap_flag_value_t v = CAP_CLEAR;

	return now && !cap_get_flag(now, capability, CAP_EFFECTIVE, &v) && v == CAP_SET;
}

/* Exactly these and no other, those of `want` that are permitted now. */
static int keep_caps(const cap_value_t *want, int n, bool effective)
{
	_cleanup_cap_ cap_t now = cap_get_proc(), caps = cap_init();

	if (!now || !caps)
		return -errno;
	for (int i = 0; i < n; i++) {
		cap_flag_value_t have;

		/* A kernel that does not know the capability does not need it either. */
		if (cap_get_flag(now, want[i], CAP_PERMITTED, &have) || have != CAP_SET)
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &want[i], CAP_SET) ||
		    (effective && cap_set_flag(caps, CAP_EFFECTIVE, 1, &want[i], CAP_SET)))
			return -errno;
	}
	return cap_set_proc(caps) ? -errno : 0;
}

/* errno is left alone when the answer is "no such user". */
static int become(const char *user)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (!pw)
		return errno && errno != ENOENT && errno != ESRCH ? -errno : -ENOENT;
	if (setgroups(0, NULL) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return -errno;
	return 0;
}

int mp_priv_drop(struct mp_source *s, const char *user)
{
	static const cap_value_t for_procfs[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
	static const cap_value_t for_bpf[] = {CAP_BPF};
	pid_t parent = getppid();
	int r, death_signal = 0;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	if (geteuid() == 0) {
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
			return -errno;
		r = become(user ? user : "nobody");
		(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
		if (r)
			return r;
	}
	/* A change of uid clears it: a collector whose runner is killed would stay for ever. */
	if (death_signal) {
		(void)prctl(PR_SET_PDEATHSIG, death_signal);
		if (getppid() != parent)
			(void)raise(death_signal);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	(void)cap_reset_ambient(); /* not there before 4.3: then there is nothing to reset */
	if (s->ops->rung == MP_RUNG_PROCFS)
		return keep_caps(for_procfs, ARRAY_SIZE(for_procfs), true);
	/* Still permitted but not in effect: does the kernel want it for maps that are open? */
	r = keep_caps(for_bpf, ARRAY_SIZE(for_bpf), false);
	if (r)
		return r;
	if (s->ops->check && s->ops->check(s))
		return keep_caps(for_bpf, ARRAY_SIZE(for_bpf), true);
	return keep_caps(NULL, 0, false);
}
