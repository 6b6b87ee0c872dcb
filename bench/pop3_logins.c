/* pop3-logins: many people log in again and again, as polling devices do, or somebody guesses (--wrong). Each
 * thread is one person after the other: connect, greeting, USER, PASS, QUIT. Prints one JSON object; 65 where
 * an answer was not the one that was expected.
 *
 * Known weakness: a thread waits for each answer, so --connections bounds how many are under way.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"
#include "line_client.h"
#include "message.h"

enum { THREADS_MAX = 2000, STACK = 128 * 1024, TRIES = 3, SOURCE_MAX = 32 };

static const char usage[] =
	"usage: pop3-logins HOST:PORT --password WORD [--wrong] [--tls] [--connections N] [--users N]\n"
	"                   [--login user%d@shop.example] [--duration SECONDS] [--rate LOGINS_A_SECOND]\n";

static struct plan {
	struct tool_address server;
	const char *login, *password;
	SSL_CTX *tls; /* NULL: in clear */
	bool wrong;
	unsigned connections, users;
	double rate; /* 0: as fast as answers come */
	int64_t start_ns, end_ns;
} plan = { .login = "user%d@bench.example", .connections = 16, .users = 1000 };

static _Atomic uint64_t next_due, granted, refused, failed;

struct person {
	pthread_t thread;
	unsigned number;
	struct line_client client;
	struct histogram took; /* connecting to the answer to PASS */
};

/* False once it is over. */
static bool wait_until_due(void)
{
	if (plan.rate == 0)
		return tool_now_ns() < plan.end_ns;
	int64_t due_ns = plan.start_ns + (int64_t)((double)atomic_fetch_add(&next_due, 1) / plan.rate * 1e9);
	const struct timespec due = { .tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000 };
	if (due_ns >= plan.end_ns)
		return false;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	return true;
}

/* The answer to one attempt. NULL: the connection is lost. */
static char *attempt(struct line_client *c, unsigned user)
{
	char login[MESSAGE_ADDRESS_MAX], command[MESSAGE_ADDRESS_MAX + 16];

	message_address(plan.login, user, login);
	snprintf(command, sizeof command, "USER %s", login);
	if (line_client_ask(c, command) == NULL)
		return NULL;
	int len = snprintf(command, sizeof command, "PASS %s\r\n", plan.password);
	return line_client_send(c, command, (size_t)len) ? line_client_line(c) : NULL;
}

/* What became of one connection: several wrong guesses, or one login. */
static void attempts(struct person *p, unsigned user, int64_t start_ns)
{
	struct line_client *c = &p->client;

	for (int i = 0; i < (plan.wrong ? TRIES : 1) && tool_now_ns() < plan.end_ns + 1; i++) {
		char *answer = attempt(c, user);
		if (answer == NULL) {
			atomic_fetch_add(&failed, 1);
			return;
		}
		bool ok = answer[0] == '+';
		histogram_add(&p->took, (uint64_t)(tool_now_ns() - start_ns));
		atomic_fetch_add(ok ? &granted : &refused, 1);
		if (ok && line_client_ask(c, "QUIT") == NULL)
			atomic_fetch_add(&failed, 1);
		start_ns = tool_now_ns();
	}
}

static void *run_person(void *person)
{
	struct person *p = person;
	char *buffer = tool_alloc(1, LINE_CLIENT_BUFFER), source[SOURCE_MAX];

	/* An address of its own: one has not ports enough for as many connections as these. Who guesses has a
	 * network of its own too, where nobody ever logged in. */
	if (plan.wrong)
		snprintf(source, sizeof source, "127.2.%u.1", p->number % 250);
	else
		snprintf(source, sizeof source, "127.1.%u.%u", p->number / 250, 1 + p->number % 250);
	/* Nobody else's people: a maildrop is open once at a time. */
	for (unsigned user = p->number; wait_until_due(); user += plan.connections) {
		if (user >= plan.users)
			user = p->number;
		int64_t start_ns = tool_now_ns();
		bool open = line_client_open(&p->client, &plan.server, source, buffer);
		if (!open) {
			atomic_fetch_add(&failed, 1);
			continue;
		}
		if ((plan.tls != NULL && !line_client_secure(&p->client, plan.tls)) ||
		    line_client_line(&p->client) == NULL)
			atomic_fetch_add(&failed, 1);
		else
			attempts(p, user, start_ns);
		line_client_close(&p->client);
	}
	free(buffer);
	return NULL;
}

static void read_options(int argc, char **argv)
{
	static const struct option long_options[] = { { "password", required_argument, NULL, 'p' },
		                                      { "wrong", no_argument, NULL, 'w' },
		                                      { "tls", no_argument, NULL, 't' },
		                                      { "connections", required_argument, NULL, 'c' },
		                                      { "users", required_argument, NULL, 'u' },
		                                      { "login", required_argument, NULL, 'l' },
		                                      { "duration", required_argument, NULL, 'd' },
		                                      { "rate", required_argument, NULL, 'r' },
		                                      { 0 } };
	uint64_t seconds = 10;
	bool understood = true;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'p')
			plan.password = optarg;
		else if (option == 'w')
			plan.wrong = true;
		else if (option == 't')
			plan.tls = line_client_tls();
		else if (option == 'c')
			plan.connections = (unsigned)tool_number("--connections", optarg, 1, THREADS_MAX);
		else if (option == 'u')
			plan.users = (unsigned)tool_number("--users", optarg, 1, 10000000);
		else if (option == 'l')
			plan.login = optarg;
		else if (option == 'd')
			seconds = tool_number("--duration", optarg, 1, 86400);
		else if (option == 'r')
			plan.rate = (double)tool_number("--rate", optarg, 1, 1000000);
		else
			understood = false;
	}
	if (!understood || optind != argc - 1 || plan.password == NULL) {
		fputs(usage, stderr);
		exit(64);
	}
	if (plan.users < plan.connections)
		tool_die("--users %u: at least one a connection", plan.users);
	plan.server = tool_address_parse(argv[optind]);
	plan.start_ns = tool_now_ns();
	plan.end_ns = plan.start_ns + (int64_t)seconds * 1000000000;
}

static void add_all(struct histogram *to, const struct histogram *from)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->count += from->count;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
}

int main(int argc, char **argv)
{
	static struct histogram took;
	pthread_attr_t small;

	read_options(argc, argv);
	tool_raise_descriptor_limit();
	struct person *people = tool_alloc(plan.connections, sizeof *people);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	for (unsigned i = 0; i < plan.connections; i++) {
		people[i].number = i;
		if (pthread_create(&people[i].thread, &small, run_person, &people[i]) != 0)
			tool_die("no more threads");
	}
	for (unsigned i = 0; i < plan.connections; i++) {
		pthread_join(people[i].thread, NULL);
		add_all(&took, &people[i].took);
	}
	double seconds = (double)(tool_now_ns() - plan.start_ns) / 1e9;
	uint64_t answered = granted + refused;
	printf("{\"granted\":%llu,\"refused\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"per_s\":%.1f,\"took_"
	       "us\":",
	       (unsigned long long)granted, (unsigned long long)refused, (unsigned long long)failed, seconds,
	       (double)answered / seconds);
	histogram_print_json(&took, stdout);
	puts("}");
	free(people);
	return (plan.wrong ? granted : refused) > 0 ? 65 : 0;
}
