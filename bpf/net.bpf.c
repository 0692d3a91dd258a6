// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network group, optional: bytes that members send and receive, by TCP and UDP and by Unix sockets,
 * their TCP connections and what had to be sent again. A socket carries in its own storage whose it
 * is, so that what happens to it in interrupts finds its member. What is spliced from a socket, or
 * mapped by TCP's zero-copy receive, passes these hooks by.
 */
#include "group.bpf.h"

/* include/linux/socket.h, include/uapi/linux/in.h */
#define MP_AF_UNIX         1
#define MP_AF_INET         2
#define MP_AF_INET6        10
#define MP_MSG_PEEK        2
#define MP_IPPROTO_TCP     6
/* include/net/tcp_states.h */
#define MP_TCP_ESTABLISHED 1
#define MP_TCP_SYN_SENT    2
#define MP_TCP_SYN_RECV    3
#define MP_TCP_CLOSE       7
#define MP_TCP_LISTEN      10

struct mp_conn {
	__u64 start_ns; /* with slot the member that used it last; 0: none yet */
	__u32 slot;
	__u32 retrans; /* the socket's total_retrans that was counted */
	__u32 counted; /* as accepted or opened; 0: not yet, or older than the attachment */
	__u32 fresh;   /* it came in since the attachment (its gen), and nobody has used it yet */
};

/*
 * TCP socket -> whose. Written by this group's programs; ends with its socket. No memory for it:
 * MP_DROP_WAITS_FULL, and the connection counts in bytes alone.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mp_conn);
} mp_conns SEC(".maps");

static __always_inline void mp_net_add(__u32 slot, enum mp_extra_id what, __u64 n)
{
	struct mp_extra *x = mp_extra_of(slot);

	if (x)
		__sync_fetch_and_add(&x->v[what], n);
}

/* The member that the connection was used by last; MP_NO_SLOT: none, or it is gone. */
static __always_inline __u32 mp_conn_slot(const struct mp_conn *c)
{
	struct mp_slot *s = c->start_ns ? mp_slot_of(c->slot) : 0;

	return s && s->start_ns == c->start_ns ? c->slot : MP_NO_SLOT;
}

static __always_inline __u32 mp_total_retrans(const struct sock *sk)
{
	return BPF_CORE_READ((const struct tcp_sock *)sk, total_retrans);
}

static __always_inline bool mp_is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == MP_IPPROTO_TCP && (sk->__sk_common.skc_family == MP_AF_INET ||
						     sk->__sk_common.skc_family == MP_AF_INET6);
}

static __always_inline void mp_conn_own(struct mp_conn *c, __u32 slot)
{
	struct mp_slot *s = mp_slot_of(slot);

	if (!s || (c->slot == slot && c->start_ns == s->start_ns))
		return;
	c->slot = slot;
	c->start_ns = s->start_ns;
}

static __always_inline void mp_conn_used(struct sock *sk, __u32 slot)
{
	struct mp_conn *c = bpf_sk_storage_get(&mp_conns, sk, 0, 0);

	if (!c) {
		c = bpf_sk_storage_get(&mp_conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!c) {
			mp_drop(MP_DROP_WAITS_FULL);
			return;
		}
		c->retrans = mp_total_retrans(sk);
	}
	mp_conn_own(c, slot);
	if (c->fresh == mp_net_gen) {
		c->fresh = 0;
		c->counted = 1;
		mp_net_add(slot, MP_EX_NET_ACCEPTED, 1);
	}
}

static __always_inline int mp_transferred(struct sock *sk, int n, bool sent)
{
	__u32 slot = mp_pid_slot(bpf_get_current_pid_tgid() >> 32);
	__u16 family;

	if (slot == MP_NO_SLOT || n <= 0)
		return 0;
	family = sk->__sk_common.skc_family;
	if (family == MP_AF_UNIX) {
		mp_net_add(slot, sent ? MP_EX_UNIX_SENT : MP_EX_UNIX_RECV, n);
	} else if (family == MP_AF_INET || family == MP_AF_INET6) {
		mp_net_add(slot, sent ? MP_EX_NET_SENT : MP_EX_NET_RECV, n);
		if (mp_is_tcp(sk))
			mp_conn_used(sk, slot);
	}
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(mp_sent, struct sock *sk, int n, int flags)
{
	return mp_transferred(sk, n, true);
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(mp_received, struct sock *sk, int n, int flags)
{
	return flags & MP_MSG_PEEK ? 0 : mp_transferred(sk, n, false);
}

static __always_inline void mp_retransmitted(const struct sock *sk, struct mp_conn *c)
{
	__u32 total = mp_total_retrans(sk), slot = mp_conn_slot(c);

	if (slot != MP_NO_SLOT && total > c->retrans)
		mp_net_add(slot, MP_EX_NET_RETRANS, total - c->retrans);
	c->retrans = total;
}

/* In interrupts as well: current is whoever was interrupted. */
SEC("?tp_btf/tcp_retransmit_skb")
int BPF_PROG(mp_retransmit, const struct sock *sk)
{
	struct mp_conn *c = bpf_sk_storage_get(&mp_conns, (void *)sk, 0, 0);

	if (c)
		mp_retransmitted(sk, c);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(mp_conn_state, const struct sock *sk, int old, int new)
{
	struct mp_conn *c;
	__u32 slot;

	if (!mp_is_tcp(sk))
		return 0;
	if (old == MP_TCP_CLOSE && new == MP_TCP_SYN_SENT) { /* in connect() */
		slot = mp_pid_slot(bpf_get_current_pid_tgid() >> 32);
		if (slot == MP_NO_SLOT)
			return 0;
		c = bpf_sk_storage_get(&mp_conns, (void *)sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!c) {
			mp_drop(MP_DROP_WAITS_FULL);
			return 0;
		}
		mp_conn_own(c, slot);
		c->retrans = mp_total_retrans(sk);
		c->counted = 1;
		mp_net_add(slot, MP_EX_NET_OPENED, 1);
	} else if (old == MP_TCP_SYN_RECV && new == MP_TCP_ESTABLISHED) { /* in an interrupt */
		c = bpf_sk_storage_get(&mp_conns, (void *)sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!c) {
			mp_drop(MP_DROP_WAITS_FULL);
			return 0;
		}
		c->fresh = mp_net_gen;
		c->retrans = mp_total_retrans(sk);
	} else if (new == MP_TCP_CLOSE) {
		c = bpf_sk_storage_get(&mp_conns, (void *)sk, 0, 0);
		slot = c ? mp_conn_slot(c) : MP_NO_SLOT;
		if (!c || slot == MP_NO_SLOT)
			return 0;
		mp_retransmitted(sk, c);
		if (c->counted) {
			c->counted = 0;
			mp_net_add(slot, MP_EX_NET_CLOSED, 1);
		}
	}
	return 0;
}
