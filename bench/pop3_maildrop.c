/* pop3-maildrop: what one person waits for with a large maildrop: opening it, LIST, UIDL, and RETR of all.
 * One connection, each step timed, each message's octets counted and held against the size that LIST said.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_client.h"

enum { WINDOW_MAX = 1024, COMMANDS_MAX = WINDOW_MAX * 24 };

static const char usage[] =
	"usage: pop3-maildrop HOST:PORT --user ADDRESS --password PASSWORD [--window N (1: one RETR at "
	"a time)]\n";

struct drop {
	struct line_client client;
	struct tool_address server;
	const char *user, *password;
	unsigned window;
	unsigned messages;
	uint64_t *sizes; /* as LIST says */
	uint64_t octets, wrong_sizes;
};

static double ms_since(int64_t start_ns) { return (double)(tool_now_ns() - start_ns) / 1e6; }

static void ask(struct drop *d, const char *verb, const char *argument)
{
	char command[512];

	snprintf(command, sizeof command, "%s%s%s", verb, argument[0] != '\0' ? " " : "", argument);
	if (line_client_ask(&d->client, command) == NULL)
		tool_die("%s was refused", verb);
}

/* The maildrop is open when PASS and STAT have been answered: some servers open it only then. */
static double open_drop(struct drop *d)
{
	if (line_client_line(&d->client) == NULL)
		tool_die("no greeting");
	ask(d, "USER", d->user);
	int64_t start_ns = tool_now_ns();
	ask(d, "PASS", d->password);
	char *stat = line_client_ask(&d->client, "STAT");
	if (stat == NULL || sscanf(stat, "+OK %u", &d->messages) != 1)
		tool_die("STAT was refused");
	return ms_since(start_ns);
}

/* "NUMBER SIZE"; sscanf would take longer than many a server. */
static bool read_size(const char *line, unsigned number, uint64_t *size)
{
	char *end;

	if (strtoul(line, &end, 10) != number || *end != ' ' || end[1] < '0' || end[1] > '9')
		return false;
	*size = strtoull(end + 1, &end, 10);
	return *end == '\0';
}

static double list_sizes(struct drop *d)
{
	int64_t start_ns = tool_now_ns();

	d->sizes = tool_alloc(d->messages + 1, sizeof *d->sizes);
	ask(d, "LIST", "");
	for (unsigned n = 1; n <= d->messages; n++) {
		char *line = line_client_line(&d->client);
		if (line == NULL || !read_size(line, n, &d->sizes[n]))
			tool_die("LIST's line %u is none", n);
	}
	char *end = line_client_line(&d->client);
	if (end == NULL || strcmp(end, ".") != 0)
		tool_die("LIST does not end");
	return ms_since(start_ns);
}

static double list_ids(struct drop *d)
{
	int64_t start_ns = tool_now_ns();
	uint64_t lines, octets;

	ask(d, "UIDL", "");
	if (!line_client_block(&d->client, &lines, &octets) || lines != d->messages)
		tool_die("UIDL has not a line for each message");
	return ms_since(start_ns);
}

static void take_message(struct drop *d, unsigned number)
{
	char *status = line_client_line(&d->client);
	uint64_t lines, octets;

	if (status == NULL || strncmp(status, "+OK", 3) != 0 ||
	    !line_client_block(&d->client, &lines, &octets))
		tool_die("message %u did not come", number);
	d->octets += octets;
	d->wrong_sizes += octets != d->sizes[number];
}

static double retrieve_all(struct drop *d)
{
	static char commands[COMMANDS_MAX];
	int64_t start_ns = tool_now_ns();

	for (unsigned asked = 0, answered = 0; answered < d->messages;) {
		size_t len = 0;
		if (asked - answered <= d->window / 2)
			while (asked < d->messages && asked - answered < d->window)
				len += (size_t)snprintf(commands + len, sizeof commands - len, "RETR %u\r\n",
				                        ++asked);
		if (len > 0 && !line_client_send(&d->client, commands, len))
			tool_die("the connection is lost");
		take_message(d, ++answered);
	}
	return ms_since(start_ns);
}

static void read_options(struct drop *d, int argc, char **argv)
{
	static const struct option long_options[] = { { "user", required_argument, NULL, 'u' },
		                                      { "password", required_argument, NULL, 'p' },
		                                      { "window", required_argument, NULL, 'w' },
		                                      { 0 } };
	bool understood = true;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'u')
			d->user = optarg;
		else if (option == 'p')
			d->password = optarg;
		else if (option == 'w')
			d->window = (unsigned)tool_number("--window", optarg, 1, WINDOW_MAX);
		else
			understood = false;
	}
	if (!understood || optind != argc - 1 || d->user == NULL || d->password == NULL) {
		fputs(usage, stderr);
		exit(64);
	}
	d->server = tool_address_parse(argv[optind]);
}

int main(int argc, char **argv)
{
	struct drop d = { .window = 64 };

	read_options(&d, argc, argv);
	if (!line_client_open(&d.client, &d.server, NULL, tool_alloc(1, LINE_CLIENT_BUFFER)))
		tool_die("connecting failed");
	double open_ms = open_drop(&d), list_ms = list_sizes(&d), uidl_ms = list_ids(&d),
	       retr_ms = retrieve_all(&d);
	ask(&d, "QUIT", "");
	printf("{\"messages\":%u,\"octets\":%llu,\"wrong_sizes\":%llu,\"open_ms\":%.3f,\"list_ms\":%.3f,"
	       "\"uidl_ms\":%.3f,\"retr_ms\":%.3f,\"retr_per_s\":%.1f}\n",
	       d.messages, (unsigned long long)d.octets, (unsigned long long)d.wrong_sizes, open_ms, list_ms,
	       uidl_ms, retr_ms, d.messages / (retr_ms / 1e3));
	return d.wrong_sizes > 0 ? 65 : 0;
}
