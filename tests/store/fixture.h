/* tests/store/fixture.h: a store in a folder of its own, spoken to as the servers do: struct commit to change
 * it, store/mailbox.h and store/directory.h to look. Nothing here knows an engine. Each helper asserts what
 * is no question of the test; fixture_setup and fixture_teardown are cmocka's, *state is the struct fixture.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/arena.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/store.h"

#define assert_err(call, expected) assert_int_equal((call).code, expected)

struct fixture {
	struct arena arena; /* one test's */
	char folder[64];
	struct store *store;
};

/* Opens an empty store with the domain d.example; deleted contents are kept for no time. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void reopen(struct fixture *f);

err change(struct fixture *f, struct directory_change c, uint64_t *account_id);
uint64_t make_account(struct fixture *f, const char *address, uint64_t quota_octets);
struct account_usage *usage_of(const struct directory *d, uint64_t account_id);

/* Octets that differ from place to place. */
str octets(struct fixture *f, size_t size);

struct deliver_target to_inbox(uint64_t account_id, str prefix);

/* A delivery with a draft of `content`, synced where it has to be. */
struct commit_op delivery(struct fixture *f, str content, struct deliver_target *targets, size_t count);
struct commit_op removal(uint64_t account_id, const uint32_t *uids, size_t count);

/* One commit of these; frees the drafts. */
void submit(struct fixture *f, struct commit_op *ops, size_t count);

/* One message for one INBOX. `uid` may be NULL. */
err deliver(struct fixture *f, uint64_t account_id, str content, uint32_t *uid);

/* `count` small messages for one INBOX, many a commit. */
void fill(struct fixture *f, uint64_t account_id, size_t count);

err expunge(struct fixture *f, uint64_t account_id, const uint32_t *uids, size_t count);

struct mailbox_status status_of(struct fixture *f, uint64_t account_id);

/* The rows of an INBOX, which have to ascend. */
size_t count_rows(struct fixture *f, uint64_t account_id);

/* The message is there, octet for octet. */
void check_message(struct fixture *f, uint64_t account_id, uint32_t uid, str prefix, str content);
void check_gone(struct fixture *f, uint64_t account_id, uint32_t uid);

#endif
