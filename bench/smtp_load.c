/* bench/smtp_load.c: sends real-looking mail over many connections, writes down every number the server
 * acknowledged, and prints one JSON object of what came of it. See usage below and load.h.
 *
 * One thread; the messages are made beforehand (message.h), so that it takes as little as can be of the
 * machine it shares with the server it measures.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "line_client.h"
#include "load.h"
#include "load_client.h"

enum { EVENTS = 256, CLIENTS_MAX = 20000, DEFAULT_CLIENTS = 64, PIECES_A_ROUND = 4096 };

static const int64_t SECOND_NS = 1000000000;

static const char usage[] =
	"usage: smtp-load HOST:PORT [--connections N] [--size OCTETS] [--count N | --duration SECONDS]\n"
	"                 [--rate MESSAGES_A_SECOND] [--users N] [--recipients user%d@shop.example]\n"
	"                 [--per-connection N (0: never reconnect)] [--seed N] [--run NAME] [--first N]\n"
	"                 [--acks FILE] [--times FILE] [--patience SECONDS] [--series] [--tls]\n"
	"                 [--login ADDRESS --password WORD]\n";

struct options {
	unsigned connections;
	int64_t duration_s;
	const char *acks, *times, *password;
	bool series;
};

bool load_is_over(const struct load *load, int64_t now_ns)
{
	if (load->next >= load->count)
		return true;
	if (load->rate > 0)
		return load->end_ns != INT64_MAX &&
		       (double)load->next / load->rate * 1e9 >= (double)(load->end_ns - load->start_ns);
	return now_ns >= load->end_ns;
}

static int64_t next_due_ns(const struct load *load, int64_t now_ns)
{
	return load->rate > 0 ? load->start_ns + (int64_t)((double)load->next / load->rate * 1e9) : now_ns;
}

bool load_take(struct load *load, int64_t now_ns, uint64_t *seq, int64_t *due_ns)
{
	int64_t due = next_due_ns(load, now_ns);

	if (load_is_over(load, now_ns) || due > now_ns)
		return false;
	*due_ns = due;
	*seq = load->first_seq + load->next++;
	return true;
}

/* Open loop: until the next message is due; else until the next resting client, at most a tenth of a second.
 */
static struct timespec time_to_wait(const struct load *load, struct load_client **clients, unsigned n)
{
	int64_t now = tool_now_ns(), until = now + SECOND_NS / 10;

	if (load->rate > 0 && load->idle != NULL && !load_is_over(load, now) &&
	    next_due_ns(load, now) < until)
		until = next_due_ns(load, now);
	for (unsigned i = 0; load->waiting > 0 && i < n; i++)
		if (load_client_wake_ns(clients[i]) < until)
			until = load_client_wake_ns(clients[i]);
	int64_t wait = until > now ? until - now : 0;
	return (struct timespec){ .tv_sec = wait / SECOND_NS, .tv_nsec = wait % SECOND_NS };
}

static void wake_clients(struct load_client **clients, unsigned n)
{
	int64_t now = tool_now_ns();

	for (unsigned i = 0; i < n; i++)
		if (load_client_wake_ns(clients[i]) <= now)
			load_client_wake(clients[i]);
}

static void hand_out(struct load *load)
{
	for (unsigned i = 0; i < PIECES_A_ROUND && load->idle != NULL; i++) {
		uint64_t seq;
		int64_t due_ns;
		if (!load_take(load, tool_now_ns(), &seq, &due_ns))
			return;
		load_client_send(load_client_take_idle(load), seq, due_ns);
	}
}

/* Runs until every client has finished; false if the server stopped answering. */
static bool run(struct load *load, struct load_client **clients, unsigned n)
{
	struct epoll_event events[EVENTS];
	bool finishing = false, answered = true;
	int64_t looked_ns = 0;

	while (load->open_clients > 0) {
		struct timespec wait = time_to_wait(load, clients, n);
		int got = epoll_pwait2(load->epoll_fd, events, EVENTS, &wait, NULL);
		if (got < 0 && errno != EINTR)
			tool_die("epoll: %s", strerror(errno));
		for (int i = 0; i < got; i++)
			load_client_event(events[i].data.ptr, events[i].events);
		int64_t now = tool_now_ns();
		if (load->waiting > 0 && now - looked_ns > SECOND_NS / 1000) {
			wake_clients(clients, n);
			looked_ns = now;
		}
		hand_out(load);
		if (!finishing && load_is_over(load, now)) {
			finishing = true;
			for (unsigned i = 0; i < n; i++)
				load_client_finish(clients[i], false);
		}
		if (now - load->last_reply_ns > load->patience_ns) {
			answered = false;
			for (unsigned i = 0; i < n; i++)
				load_client_finish(clients[i], true);
		}
	}
	return answered;
}

static void report_series(const struct load *load, double seconds)
{
	printf(",\"per_second\":[");
	for (size_t i = 0; i < LOAD_SECONDS_MAX && (double)i < seconds; i++)
		printf("%s%u", i > 0 ? "," : "", load->per_second[i]);
	printf("],\"worst_us_per_second\":[");
	for (size_t i = 0; i < LOAD_SECONDS_MAX && (double)i < seconds; i++)
		printf("%s%u", i > 0 ? "," : "", load->worst_us[i]);
	printf("]");
}

static void report(const struct load *load, const struct options *options, bool answered)
{
	double seconds = (double)(load->last_reply_ns - load->start_ns) / 1e9;
	bool first = true;
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("{\"sent\":%llu,\"acknowledged\":%llu,\"unknown\":%llu,\"errors\":%llu,\"refused\":{",
	       (unsigned long long)load->sent, (unsigned long long)load->acknowledged,
	       (unsigned long long)load->unknown, (unsigned long long)load->errors);
	for (unsigned code = 0; code < LOAD_CODES; code++)
		if (load->refused[code] > 0) {
			printf("%s\"%u\":%llu", first ? "" : ",", code,
			       (unsigned long long)load->refused[code]);
			first = false;
		}
	printf("},\"answered_to_the_end\":%s,\"connections\":%llu,\"octets\":%llu,\"seconds\":%.3f,"
	       "\"per_s\":%.1f,\"generator_cpu_s\":%.3f,\"reply_us\":",
	       answered ? "true" : "false", (unsigned long long)load->connections,
	       (unsigned long long)load->octets, seconds,
	       seconds > 0 ? (double)load->acknowledged / seconds : 0.0,
	       (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	histogram_print_json(&load->reply, stdout);
	printf(",\"total_us\":");
	histogram_print_json(&load->total, stdout);
	if (options->series)
		report_series(load, seconds);
	printf("}\n");
}

enum choice {
	OPTION_CONNECTIONS = 1,
	OPTION_SIZE,
	OPTION_COUNT,
	OPTION_DURATION,
	OPTION_RATE,
	OPTION_USERS,
	OPTION_RECIPIENTS,
	OPTION_PER_CONNECTION,
	OPTION_SEED,
	OPTION_RUN,
	OPTION_FIRST,
	OPTION_ACKS,
	OPTION_TIMES,
	OPTION_PATIENCE,
	OPTION_SERIES,
	OPTION_TLS,
	OPTION_LOGIN,
	OPTION_PASSWORD,
};

static const struct option long_options[] = {
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "duration", required_argument, NULL, OPTION_DURATION },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "users", required_argument, NULL, OPTION_USERS },
	{ "recipients", required_argument, NULL, OPTION_RECIPIENTS },
	{ "per-connection", required_argument, NULL, OPTION_PER_CONNECTION },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "run", required_argument, NULL, OPTION_RUN },
	{ "first", required_argument, NULL, OPTION_FIRST },
	{ "acks", required_argument, NULL, OPTION_ACKS },
	{ "times", required_argument, NULL, OPTION_TIMES },
	{ "patience", required_argument, NULL, OPTION_PATIENCE },
	{ "series", no_argument, NULL, OPTION_SERIES },
	{ "tls", no_argument, NULL, OPTION_TLS },
	{ "login", required_argument, NULL, OPTION_LOGIN },
	{ "password", required_argument, NULL, OPTION_PASSWORD },
	{ 0 },
};

static void set_text(char *to, size_t room, const char *value)
{
	if (strlen(value) >= room || strpbrk(value, " \t\r\n") != NULL)
		tool_die("%s: too long, or has white space", value);
	memcpy(to, value, strlen(value) + 1);
}

static void set_option(struct load *load, struct options *o, int option, const char *value)
{
	switch ((enum choice)option) {
	case OPTION_CONNECTIONS:
		o->connections = (unsigned)tool_number("--connections", value, 1, CLIENTS_MAX);
		break;
	case OPTION_SIZE:
		load->spec.mean_size = tool_number("--size", value, MESSAGE_SIZE_MIN, MESSAGE_SIZE_MAX);
		break;
	case OPTION_COUNT:
		load->count = tool_number("--count", value, 1, UINT64_MAX);
		break;
	case OPTION_DURATION:
		o->duration_s = (int64_t)tool_number("--duration", value, 1, LOAD_SECONDS_MAX);
		break;
	case OPTION_RATE:
		load->rate = (double)tool_number("--rate", value, 1, 10000000);
		break;
	case OPTION_USERS:
		load->spec.users = (unsigned)tool_number("--users", value, 1, 100000000);
		break;
	case OPTION_RECIPIENTS:
		set_text(load->spec.recipients, sizeof load->spec.recipients, value);
		break;
	case OPTION_PER_CONNECTION:
		load->per_connection = (unsigned)tool_number("--per-connection", value, 0, UINT32_MAX);
		break;
	case OPTION_SEED:
		load->spec.seed = tool_number("--seed", value, 0, UINT64_MAX);
		break;
	case OPTION_RUN:
		set_text(load->spec.run, sizeof load->spec.run, value);
		break;
	case OPTION_FIRST:
		load->first_seq = tool_number("--first", value, 0, UINT32_MAX);
		break;
	case OPTION_ACKS:
		o->acks = value;
		break;
	case OPTION_TIMES:
		o->times = value;
		break;
	case OPTION_PATIENCE:
		load->patience_ns =
			(int64_t)tool_number("--patience", value, 1, LOAD_SECONDS_MAX) * SECOND_NS;
		break;
	case OPTION_SERIES:
		o->series = true;
		break;
	case OPTION_TLS:
		load->tls = line_client_tls();
		SSL_CTX_set_mode(load->tls,
		                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		break;
	case OPTION_LOGIN:
		load->login = value;
		break;
	case OPTION_PASSWORD:
		o->password = value;
		break;
	}
}

/* AUTH PLAIN with its initial response (RFC 4616 §2, RFC 4954 §4). */
static void set_auth(struct load *load, const char *password)
{
	unsigned char plain[2 * MESSAGE_ADDRESS_MAX], encoded[LOAD_AUTH_MAX - 16];
	int len = snprintf((char *)plain, sizeof plain, "%c%s%c%s", 0, load->login, 0,
	                   password ? password : "");

	if (len < 0 || (size_t)len >= sizeof plain)
		tool_die("%s: too long", load->login);
	EVP_EncodeBlock(encoded, plain, len); /* at most 4/3 of 256, and a NUL */
	snprintf(load->auth, sizeof load->auth, "AUTH PLAIN %s\r\n", (const char *)encoded);
}

static struct options read_options(struct load *load, int argc, char **argv)
{
	struct options o = { .connections = DEFAULT_CLIENTS, .acks = "/dev/null" };

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == '?') {
			fputs(usage, stderr);
			exit(64);
		}
		set_option(load, &o, option, optarg);
	}
	if (optind != argc - 1 || (load->count == UINT64_MAX && o.duration_s == 0)) {
		fputs(usage, stderr);
		exit(64);
	}
	load->server = tool_address_parse(argv[optind]);
	if (load->login != NULL)
		set_auth(load, o.password);
	return o;
}

static FILE *open_to_write(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		tool_die("%s: %s", path, strerror(errno));
	return f;
}

static void close_written(FILE *f, const char *path)
{
	if (ferror(f) || fclose(f) != 0)
		tool_die("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	static struct load load = { .count = UINT64_MAX,
		                    .end_ns = INT64_MAX,
		                    .per_connection = 100,
		                    .patience_ns = 30000000000,
		                    .spec = { .seed = 1,
		                              .mean_size = 4096,
		                              .users = 1000,
		                              .recipients = "user%d@bench.example",
		                              .run = "load" } };
	const struct options options = read_options(&load, argc, argv);
	struct load_client **clients =
		tool_alloc(options.connections, sizeof clients[0]); /* NOLINT: pointers */

	signal(SIGPIPE, SIG_IGN);
	tool_raise_descriptor_limit();
	load.acks = open_to_write(options.acks);
	if (options.times != NULL)
		load.times = open_to_write(options.times);
	message_spec_write(&load.spec, load.acks);
	load.pool = message_pool_new(&load.spec);
	load.per_second = tool_alloc(LOAD_SECONDS_MAX, sizeof *load.per_second);
	load.worst_us = tool_alloc(LOAD_SECONDS_MAX, sizeof *load.worst_us);
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load.start_ns = load.last_reply_ns = tool_now_ns();
	if (options.duration_s > 0)
		load.end_ns = load.start_ns + options.duration_s * SECOND_NS;
	for (unsigned i = 0; i < options.connections; i++)
		clients[i] = load_client_new(&load, i);
	bool answered = run(&load, clients, options.connections);
	close_written(load.acks, options.acks);
	if (load.times != NULL)
		close_written(load.times, options.times);
	report(&load, &options, answered);
	for (unsigned i = 0; i < options.connections; i++)
		free(clients[i]);
	free(clients);
	SSL_CTX_free(load.tls);
	return answered ? 0 : 1;
}
