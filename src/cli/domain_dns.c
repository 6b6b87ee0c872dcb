/* domain dns: what to set at the domain's DNS provider. */
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>

#include "cli/ask.h"
#include "cli/dns_records.h"
#include "cli/domain_internal.h"
#include "cli/options.h"

enum { ADDRESSES_MOST = 32 };

/* What this machine knows of itself; behind a NAT that is nothing. */
static size_t own_addresses(ip addresses[static ADDRESSES_MOST])
{
	struct ifaddrs *list = NULL;
	size_t count = 0;

	if (getifaddrs(&list) != 0)
		return 0;
	for (const struct ifaddrs *i = list; i && count < ADDRESSES_MOST; i = i->ifa_next) {
		uint16_t port;
		if (i->ifa_addr && (i->ifa_flags & IFF_UP) &&
		    ip_of_sockaddr(i->ifa_addr, &addresses[count], &port).code == ERR_OK &&
		    dns_is_public(addresses[count]))
			count++;
	}
	freeifaddrs(list);
	return count;
}

static void print_json(str domain, const struct dns_records *records)
{
	json_t *list = json_array();

	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *r = &records->items[i];
		json_t *value = r->value.len ? json_stringn(r->value.ptr, r->value.len) : json_null();
		json_array_append_new(list,
		                      json_pack("{s:s%, s:s, s:o, s:s}", "name", r->name.ptr, r->name.len,
		                                "type", r->type, "value", value, "why", r->why));
	}
	json_t *object = json_pack("{s:s%, s:o}", "domain", domain.ptr, domain.len, "records", list);
	command_print_json(object);
	json_decref(object);
}

static void print_zone(const struct dns_records *records)
{
	const char *before = "";

	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *r = &records->items[i];
		if (strcmp(before, r->why) != 0)
			printf("%s; %s\n", i ? "\n" : "", r->why);
		before = r->why;
		printf(STR_FMT "  %s  " STR_FMT "%s\n", STR_ARG(r->name), r->type, STR_ARG(r->value),
		       r->value.len ? "" : "the machine's public address");
	}
}

int domain_dns(struct command_line *line)
{
	const struct config *config = NULL;
	struct dns_records records = { 0 };
	ip addresses[ADDRESSES_MOST];
	json_t *known = NULL;
	str domain = { 0 };

	err e = options_read(line, NULL, 0, 1, 1, "DOMAIN");
	if (e.code != ERR_OK)
		return command_fail(line, e);
	int code = command_load_config(line, &config);
	if (code != EXIT_FINE || !config)
		return code;
	code = ask_with(line, config, "domain.show", json_pack("{s:s}", "domain", line->words[0]), &known);
	if (code != EXIT_FINE)
		return code;
	e = arena_copy(line->arena, str_of(json_text(known, "domain")), &domain);
	json_decref(known);
	if (e.code == ERR_OK)
		e = dns_records_make(line->arena, config, domain, addresses, own_addresses(addresses),
		                     &records);
	if (e.code != ERR_OK)
		return command_fail(line, e);
	if (line->json)
		print_json(domain, &records);
	else
		print_zone(&records);
	return command_done(line);
}
