/* bench/tool.h: what every bench tool needs and the server's own code must not lend it: a judge that
 * shares code with the accused shares its mistakes.
 *
 * A tool is one process with one job: what goes wrong in it ends it with a sentence and exit code 2.
 */
#ifndef BENCH_TOOL_H
#define BENCH_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct tool_address {
	struct sockaddr_storage to;
	socklen_t len;
};

/* Prints "NAME: sentence" to stderr and exits with 2. */
_Noreturn void tool_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* CLOCK_MONOTONIC. */
int64_t tool_now_ns(void);

/* An option's value: a whole number, or ends the tool. */
uint64_t tool_number(const char *option, const char *text, uint64_t min, uint64_t max);

/* "HOST:PORT" or "[::1]:PORT", host numeric. */
struct tool_address tool_address_parse(const char *host_port);

/* A non-blocking TCP connection under way, TCP_NODELAY; -1 with errno where it failed at once. */
int tool_connect(const struct tool_address *address);

/* A non-blocking listener; `shared` sets SO_REUSEPORT so that each thread can have its own. */
int tool_listen(const struct tool_address *address, bool shared);

/* As many descriptors as the machine lets us have. */
void tool_raise_descriptor_limit(void);

/* Memory that is there, zeroed. */
void *tool_alloc(size_t n, size_t size);

#endif
