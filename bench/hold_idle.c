/* hold-idle: opens many connections, reads their greetings, says how many are open, and holds them until its
 * standard input ends.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "line_client.h"

enum { CONNECTIONS_MAX = 60000, SOURCE_MAX = 32, FROM_ONE_ADDRESS = 20000 };

static const char usage[] = "usage: hold-idle HOST:PORT --connections N [--tls]\n";

static void open_one(struct line_client *c, const struct tool_address *server, SSL_CTX *tls, unsigned number,
                     char *buffer)
{
	char source[SOURCE_MAX];

	snprintf(source, sizeof source, "127.2.0.%u", 1 + number / FROM_ONE_ADDRESS);
	if (!line_client_open(c, server, source, buffer))
		tool_die("connection %u: %s", number, strerror(errno));
	if (tls != NULL && !line_client_secure(c, tls))
		tool_die("connection %u: no TLS", number);
	if (line_client_line(c) == NULL)
		tool_die("connection %u: no greeting", number);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "connections", required_argument, NULL, 'c' },
		                                      { "tls", no_argument, NULL, 't' },
		                                      { 0 } };
	unsigned connections = 0;
	SSL_CTX *tls = NULL;
	bool understood = true;
	char rest;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (option == 'c')
			connections = (unsigned)tool_number("--connections", optarg, 1, CONNECTIONS_MAX);
		else if (option == 't')
			tls = line_client_tls();
		else
			understood = false;
	}
	if (!understood || optind != argc - 1 || connections == 0) {
		fputs(usage, stderr);
		return 64;
	}
	struct tool_address server = tool_address_parse(argv[optind]);
	struct line_client *clients = tool_alloc(connections, sizeof *clients);
	char *buffer = tool_alloc(1, LINE_CLIENT_BUFFER);
	tool_raise_descriptor_limit();
	for (unsigned i = 0; i < connections; i++)
		open_one(&clients[i], &server, tls, i, buffer);
	printf("{\"open\":%u}\n", connections);
	fflush(stdout);
	while (read(STDIN_FILENO, &rest, 1) > 0)
		;
	for (unsigned i = 0; i < connections; i++)
		line_client_close(&clients[i]);
	free(clients);
	free(buffer);
	return 0;
}
