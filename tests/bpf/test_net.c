// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network group: known bytes over TCP, UDP and Unix sockets, connections made and taken, and
 * segments sent again, against what the process did and its TCP_INFO. Packets are lost by a socket
 * filter of the receiver that lets none through for a while: no tool and no namespace is needed.
 */
#include "watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <sys/mman.h>
#include <sys/socket.h>

#define CONNECTIONS 3
#define TAKEN       2
#define TO_PEER     100000 /* bytes on each connection, in pieces */
#define FROM_PEER   30000
#define PIECE       1000
#define UDP_BYTES   700
#define UNIX_SENT   5000
#define UNIX_RECV   3000

static const char *const names[] = {
	"sum_workers_network_recv_bytes",
	"sum_workers_network_sent_bytes",
	"sum_workers_unix_recv_bytes",
	"sum_workers_unix_sent_bytes",
	"sum_workers_network_connections_opened",
	"sum_workers_network_connections_accepted",
	"sum_workers_network_connections_closed",
	"sum_workers_network_retransmits",
	"frontend_network_sent_bytes",
};

static struct shared {
	uint64_t bytes_acked, bytes_received; /* TCP_INFO of all connections it made */
	uint32_t retrans;
	uint16_t port; /* where it listens */
} *shared;
static int peer_fd, udp_peer_fd, unix_fd[2];
static struct sockaddr_in peer_addr, udp_addr;

static int tcp_listen(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (void *)a, sizeof(*a)) || listen(fd, 8) ||
	    getsockname(fd, (void *)a, &len))
		return -1;
	return fd;
}

static void transfer(int fd, size_t n, bool out)
{
	char piece[PIECE] = {0};

	while (n > 0) {
		size_t want = n < PIECE ? n : PIECE;
		ssize_t r = out ? send(fd, piece, want, MSG_NOSIGNAL) : recv(fd, piece, want, 0);

		if (r <= 0)
			_exit(20);
		n -= (size_t)r;
	}
}

static void note_info(int fd)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len))
		_exit(21);
	shared->bytes_acked += i.tcpi_bytes_acked;
	shared->bytes_received += i.tcpi_bytes_received;
	shared->retrans += i.tcpi_total_retrans;
}

/* Each step when it is told. */
static void be_networking(int ready, int go)
{
	struct sockaddr_in a;
	int listener = tcp_listen(&a), fd[CONNECTIONS], taken[TAKEN], udp;
	char peek, datagram[UDP_BYTES] = {0};

	if (listener < 0)
		_exit(22);
	shared->port = a.sin_port;
	signal_fd(ready);
	await_fd(go);
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0 || connect(fd[i], (void *)&peer_addr, sizeof(peer_addr)))
			_exit(23);
		transfer(fd[i], TO_PEER, true);
		if (recv(fd[i], &peek, 1, MSG_PEEK) != 1) /* not received yet */
			_exit(24);
		transfer(fd[i], FROM_PEER, false);
	}
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp < 0 ||
	    sendto(udp, datagram, UDP_BYTES, 0, (void *)&udp_addr, sizeof(udp_addr)) != UDP_BYTES)
		_exit(25);
	transfer(unix_fd[0], UNIX_SENT, true);
	transfer(unix_fd[0], UNIX_RECV, false);
	for (int i = 0; i < TAKEN; i++) {
		taken[i] = accept(listener, NULL, NULL);
		if (taken[i] < 0)
			_exit(26);
		transfer(taken[i], PIECE, false);
	}
	signal_fd(ready);
	await_fd(go); /* the peer's filter is in place */
	transfer(fd[0], PIECE, true);
	signal_fd(ready);
	await_fd(go); /* it is gone */
	for (double end = mp_now_s() + DEADLINE_S;;) {
		struct tcp_info i = {0};
		socklen_t len = sizeof(i);

		if (getsockopt(fd[0], IPPROTO_TCP, TCP_INFO, &i, &len) || mp_now_s() > end)
			_exit(27);
		if (i.tcpi_unacked == 0)
			break;
		nap_ms(10);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		note_info(fd[i]);
		(void)close(fd[i]);
	}
	for (int i = 0; i < TAKEN; i++)
		(void)close(taken[i]);
	signal_fd(ready);
	for (;;)
		pause();
}

static void set_filter(int fd, bool on)
{
	static struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {.len = 1, .filter = drop};
	int none = 0;

	assert_int_equal(on ? setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog))
			    : setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)),
			 0);
}

static void test_network(void **state)
{
	int ready[2], go[2], told[2], conn[CONNECTIONS], to[TAKEN];
	double sent, received, retrans;
	struct sockaddr_in a;
	socklen_t len = sizeof(udp_addr);
	struct watch *w;
	pid_t root, pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	peer_fd = tcp_listen(&peer_addr);
	assert_true(peer_fd >= 0);
	udp_peer_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	udp_addr = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(udp_peer_fd, (void *)&udp_addr, sizeof(udp_addr)), 0);
	assert_int_equal(getsockname(udp_peer_fd, (void *)&udp_addr, &len), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_fd), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_networking, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	await_fd(ready[0]);
	w = watch(state, root, names, ARRAY_SIZE(names));
	signal_fd(go[1]);
	for (int i = 0; i < CONNECTIONS; i++) {
		conn[i] = accept(peer_fd, NULL, NULL);
		assert_true(conn[i] >= 0);
		transfer(conn[i], TO_PEER, false);
		transfer(conn[i], FROM_PEER, true);
	}
	transfer(unix_fd[1], UNIX_SENT, false);
	transfer(unix_fd[1], UNIX_RECV, true);
	a = peer_addr;
	a.sin_port = shared->port;
	for (int i = 0; i < TAKEN; i++) {
		to[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(to[i], (void *)&a, sizeof(a)), 0);
		transfer(to[i], PIECE, true);
	}
	await_fd(ready[0]);
	watch_sample(w);
	sent = CONNECTIONS * TO_PEER + UDP_BYTES;
	received = CONNECTIONS * FROM_PEER + TAKEN * PIECE;
	assert_true(watched(w, "sum_workers_network_sent_bytes") == sent);
	assert_true(watched(w, "sum_workers_network_recv_bytes") == received);
	assert_true(watched(w, "sum_workers_unix_sent_bytes") == UNIX_SENT);
	assert_true(watched(w, "sum_workers_unix_recv_bytes") == UNIX_RECV);
	assert_true(watched(w, "sum_workers_network_connections_opened") == CONNECTIONS);
	assert_true(watched(w, "sum_workers_network_connections_accepted") == TAKEN);
	assert_true(watched(w, "sum_workers_network_connections_closed") == 0);
	assert_true(watched(w, "frontend_network_sent_bytes") == 0);

	set_filter(conn[0], true);
	signal_fd(go[1]);
	await_fd(ready[0]);
	nap_ms(1000); /* the first is sent again after 0.2 s, then 0.4 */
	set_filter(conn[0], false);
	signal_fd(go[1]);
	await_fd(ready[0]);
	for (int i = 0; i < CONNECTIONS; i++)
		(void)close(conn[i]);
	for (int i = 0; i < TAKEN; i++)
		(void)close(to[i]);
	for (double end = mp_now_s() + DEADLINE_S; mp_now_s() < end; nap_ms(10)) {
		watch_sample(w);
		if (watched(w, "sum_workers_network_connections_closed") == CONNECTIONS + TAKEN)
			break;
	}
	retrans = watched(w, "sum_workers_network_retransmits");
	print_message(
		"%s: %.0f bytes sent, %.0f received, %.0f segments sent again (TCP_INFO: %llu "
		"acknowledged, %llu received, %u sent again)\n",
		mp_rung_name(w->rung), watched(w, "sum_workers_network_sent_bytes"),
		watched(w, "sum_workers_network_recv_bytes"), retrans,
		(unsigned long long)shared->bytes_acked, (unsigned long long)shared->bytes_received,
		shared->retrans);
	assert_true(retrans == shared->retrans && retrans >= 1);
	/* TCP_INFO counts the opening of each connection as a byte that was acknowledged */
	assert_int_equal(shared->bytes_acked, CONNECTIONS * TO_PEER + PIECE + CONNECTIONS);
	assert_int_equal(shared->bytes_received, CONNECTIONS * FROM_PEER);
	assert_true(watched(w, "sum_workers_network_connections_closed") == CONNECTIONS + TAKEN);
	assert_true(watched(w, "sum_workers_network_sent_bytes") == sent + PIECE);
	watch_groups_off(w);
	watch_sample(w);
	assert_true(isnan(watched(w, "sum_workers_network_sent_bytes")));
	assert_no_drops(w->s);
	end_child(root);
	(void)close(peer_fd);
	(void)close(udp_peer_fd);
	(void)close(unix_fd[0]);
	(void)close(unix_fd[1]);
	(void)munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {WATCH_TEST(test_network)};

	return cmocka_run_group_tests_name("bpf network group", tests, NULL, NULL);
}
