/* Each line is the address of a forward-path of one transaction, against a small directory in a real store: a
 * refused path changes nothing, no account and no address elsewhere is a target twice, and the same path
 * again adds nobody. Every other one is of a client that may relay. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "deliver/route.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static char folder[] = "/tmp/postrider-fuzz-XXXXXX";
static struct arena arena;
static struct store *store;

static void must(bool law)
{
	if (!law)
		abort();
}

static void remove_store(void)
{
	char command[64];

	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	must(system(command) == 0);
}

static void change(enum directory_change_kind kind, str name, const str *targets, size_t count)
{
	struct commit_op op = {
		.kind = COMMIT_DIRECTORY,
		.directory = { .kind = kind, .name = name, .targets = targets, .target_count = count }
	};
	struct commit commit = { .ops = &op, .op_count = 1 };

	store_commit_wait(store, &commit);
	must(op.result.code == ERR_OK);
}

static void make_store(void)
{
	static const str info[] = { STR_INIT("ann@shop.example"), STR_INIT("all@shop.example") };
	static const str all[] = { STR_INIT("info@shop.example"), STR_INIT("bob+all@shop.example"),
		                   STR_INIT("no@shop.example") };
	static const str away[] = { STR_INIT("ann@far.example"), STR_INIT("ann@shop.example") };
	struct store_options options = { .limits = limits_default(), .without_maintenance = true };

	must(mkdtemp(folder) != NULL);
	options.directory = str_of(folder);
	arena_init(&arena, NULL, 64 * LIMIT_MB);
	must(store_open(&arena, &options, &store).code == ERR_OK);
	must(atexit(remove_store) == 0);
	change(DIRECTORY_DOMAIN_ADD, STR("shop.example"), NULL, 0);
	change(DIRECTORY_DOMAIN_ADD, STR("catch.example"), NULL, 0);
	change(DIRECTORY_ACCOUNT_ADD, STR("ann@shop.example"), NULL, 0);
	change(DIRECTORY_ACCOUNT_ADD, STR("bob@shop.example"), NULL, 0);
	change(DIRECTORY_ALIAS_PUT, STR("info@shop.example"), info, 2);
	change(DIRECTORY_ALIAS_PUT, STR("all@shop.example"), all, 3);
	change(DIRECTORY_ALIAS_PUT, STR("away@shop.example"), away, 2);
	change(DIRECTORY_ALIAS_PUT, STR("@catch.example"), info, 2);
}

static enum route_answer add(struct route *route, const struct directory *directory, str path, bool may_relay)
{
	size_t at = str_rfind_char(path, '@');

	return route_add(route, directory,
	                 &(struct route_query){ .local_part = str_slice(path, 0, at),
	                                        .domain = at < path.len ? str_from(path, at + 1) : STR(""),
	                                        .srs_key = STR("a key"),
	                                        .may_relay = may_relay });
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str rest = { (const char *)octets, size };
	const struct directory *directory;
	struct arena own;
	struct route route;
	bool may_relay = false;

	if (!store)
		make_store();
	directory = directory_acquire(store);
	arena_init(&own, NULL, LIMIT_TRANSACTION_ARENA);
	route_init(&route, &own, STR("mail.shop.example"));
	while (rest.len > 0) {
		str path = str_cut(&rest, '\n');
		size_t before = route_target_count(&route);
		enum route_answer answer = add(&route, directory, path, may_relay);

		must(answer == ROUTE_TAKEN || route_target_count(&route) == before);
		must(answer != ROUTE_TAKEN || route_target_count(&route) > 0);
		must(answer != ROUTE_FOREIGN || !may_relay);
		before = route_target_count(&route);
		must(add(&route, directory, path, may_relay) == answer || answer == ROUTE_BUSY);
		must(route_target_count(&route) == before && route.remotes.pending == 0);
		may_relay = !may_relay;
	}
	for (size_t i = 0; i < route.remotes.count; i++)
		for (size_t j = 0; j < i; j++)
			must(!str_eq(route.remotes.items[i].forward_path,
			             route.remotes.items[j].forward_path));
	for (size_t i = 0; i < route.count; i++)
		for (size_t j = 0; j < i; j++)
			must(route.targets[i].account_id != route.targets[j].account_id);
	directory_release(directory);
	arena_reset(&own);
	return 0;
}
