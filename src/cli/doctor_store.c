#include "base/limits.h"
#include "base/quarantine.h"
#include "cli/doctor_internal.h"

void check_store(struct doctor *d)
{
	json_t *status = NULL;

	if (ask_with(d->line, d->config, "status", json_object(), &status) != EXIT_FINE) {
		check_add(d, "store", CHECK_ERROR, "see the message above", "it can't be read");
		return;
	}
	uint64_t wal = json_number(status, "wal_octets"), damaged = json_number(status, "damaged");
	if (json_is_true(json_object_get(status, "accepting")))
		check_add(d, "store", CHECK_OK, NULL, "%llu messages, taking mail",
		          (unsigned long long)json_number(status, "messages"));
	else
		check_add(d, "store", CHECK_ERROR, "look after the disk; it is tried again all the time",
		          "not taking mail: %s", json_text(status, "why_not"));
	if (wal > 2ull * LIMIT_WAL_RESTART)
		check_add(d, "wal", wal > LIMIT_WAL_STOP ? CHECK_ERROR : CHECK_WARNING,
		          "a long read (backup, verify) holds it; end that, or restart the server",
		          "the log of writes has grown to %llu MB", (unsigned long long)(wal / LIMIT_MB));
	if (*json_text(status, "flight_trouble"))
		check_add(d, "flight", CHECK_WARNING,
		          "see that the server may write data_dir/flight and data_dir/quarantine, then "
		          "restart it",
		          "a message that fells the server would not be found: %s",
		          json_text(status, "flight_trouble"));
	if (damaged)
		check_add(d, "damage", CHECK_ERROR, "postrider verify names what; a backup has it whole",
		          "%llu records were found damaged since the start", (unsigned long long)damaged);
	json_decref(status);
}

static void describe(struct doctor *d, const quarantine_entry *entry)
{
	char octets[64];
	struct buf network;
	bool set_aside = entry->crashes >= QUARANTINE_CRASHES;

	buf_init_fixed(&network, octets, sizeof octets);
	ip_format(&network, entry->network);
	check_add(d, set_aside ? "quarantine" : "suspect", CHECK_WARNING,
	          set_aside ? "please report it as a bug of postrider, with the message if you can" : NULL,
	          "%s %016llx (from " STR_FMT ") was in work in %u crash%s of the server%s",
	          flight_kind_name(entry->kind), (unsigned long long)entry->fingerprint,
	          STR_ARG(buf_str(&network)), entry->crashes, entry->crashes == 1 ? "" : "es",
	          set_aside ? " and is set aside" : "");
}

void check_quarantine(struct doctor *d)
{
	struct quarantine q = { 0 };
	struct buf path;

	buf_init(&path, d->line->arena, 8 * LIMIT_KB);
	buf_add(&path, d->config->data_dir);
	buf_add(&path, STR("/quarantine"));
	err e = buf_err(&path);
	if (e.code == ERR_OK)
		e = quarantine_load(d->line->arena, buf_str(&path), &q);
	if (e.code != ERR_OK) {
		check_add(d, "quarantine", CHECK_WARNING, "see that data_dir can be read", "%s", e.what);
		return;
	}
	for (size_t i = 0; i < q.count; i++)
		describe(d, &q.entry[i]);
	if (q.damaged)
		check_add(d, "quarantine", CHECK_WARNING, NULL, "%zu damaged lines were left out", q.damaged);
	if (q.count == 0 && q.damaged == 0)
		check_add(d, "quarantine", CHECK_OK, NULL, "no message ever felled the server");
}

/* Is `local_part`@`domain` an address in the list, under `key` of its objects? */
static bool is_listed(const json_t *list, const char *key, const char *local_part, const char *domain)
{
	size_t len = strlen(local_part);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *address = json_text(json_array_get(list, i), key);
		if (strncmp(address, local_part, len) == 0 && address[len] == '@' &&
		    strcmp(address + len + 1, domain) == 0)
			return true;
	}
	return false;
}

static void check_domain(struct doctor *d, const json_t *domain, const json_t *accounts,
                         const json_t *aliases)
{
	const char *name = json_text(domain, "domain");

	if (json_number(domain, "accounts") + json_number(domain, "aliases") == 0)
		check_add(d, "domain", CHECK_WARNING, "postrider account add",
		          "%s has no accounts: all mail for it is refused", name);
	else if (json_number(domain, "accounts") == 0 && !is_listed(aliases, "address", "postmaster", name) &&
	         !is_listed(aliases, "address", "", name))
		check_add(d, "postmaster", CHECK_WARNING, "postrider alias add postmaster@… ADDRESS",
		          "postmaster@%s reaches nobody, and has to (RFC 5321)", name);
	else if (!is_listed(accounts, "address", "postmaster", name) &&
	         !is_listed(aliases, "address", "postmaster", name))
		check_add(d, "postmaster", CHECK_OK, NULL, "postmaster@%s goes to the domain's first account",
		          name);
	else
		check_add(d, "postmaster", CHECK_OK, NULL, "postmaster@%s has a place of its own", name);
}

void check_scram(struct doctor *d)
{
	enum { NAMED = 5 };
	json_t *accounts = NULL;
	struct buf names;

	if (!d->config->auth.scram ||
	    ask_with(d->line, d->config, "account.without_scram", json_object(), &accounts) != EXIT_FINE)
		return;
	size_t count = json_array_size(accounts);
	buf_init(&names, d->line->arena, NAMED * (LIMIT_PATH + 2) + 40);
	for (size_t i = 0; i < count && i < NAMED; i++) {
		buf_add(&names, i ? STR(", ") : STR(""));
		buf_add(&names, str_of(json_string_value(json_array_get(accounts, i))));
	}
	if (count > NAMED)
		buf_add_format(&names, " and %zu more", count - NAMED);
	str listed = buf_str(&names);
	if (count)
		check_add(d, "scram", CHECK_WARNING,
		          "set their passwords again, the same will do: postrider account password ADDRESS",
		          "auth.scram is on, but passwords set before it have no verifier, and clients that "
		          "choose "
		          "SCRAM can't log in: " STR_FMT,
		          STR_ARG(listed));
	json_decref(accounts);
}

void check_domains(struct doctor *d)
{
	json_t *domains = NULL, *accounts = NULL, *aliases = NULL;

	if (ask_with(d->line, d->config, "domain.list", json_object(), &domains) == EXIT_FINE &&
	    ask_with(d->line, d->config, "account.list", json_object(), &accounts) == EXIT_FINE &&
	    ask_with(d->line, d->config, "alias.list", json_object(), &aliases) == EXIT_FINE) {
		if (json_array_size(domains) == 0)
			check_add(d, "domain", CHECK_WARNING, "postrider domain add shop.example",
			          "there are no domains: no mail is taken");
		for (size_t i = 0; i < json_array_size(domains); i++)
			check_domain(d, json_array_get(domains, i), accounts, aliases);
	}
	json_decref(domains);
	json_decref(accounts);
	json_decref(aliases);
}
