/* Rows of the directory that can be read are written and read again as the same; what is no row is left
 * alone. A message's intent yields targets whose prefixes lie within it, and recipients that stand for
 * themselves. */
#include <stdlib.h>

#include "base/limits.h"
#include "store/intent.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static void check_again(struct arena *arena, const struct directory_row *row)
{
	struct directory_row again;
	struct buf out;
	bool found = false;

	buf_init(&out, arena, LIMIT_MB);
	intent_add_row(&out, row);
	must(buf_err(&out).code == ERR_OK);
	str in = buf_str(&out);
	must(intent_next_row(arena, &in, &again, &found).code == ERR_OK && found && in.len == 0);
	must(again.kind == row->kind && again.account_id == row->account_id);
	must(again.mailbox_id == row->mailbox_id && again.uidvalidity == row->uidvalidity);
	must(str_eq(again.name, row->name) && str_eq(again.display_name, row->display_name));
	must(str_eq(again.password, row->password) && again.quota_octets == row->quota_octets);
	must(again.suspended == row->suspended && again.suspended_ms == row->suspended_ms);
	must(again.created_ms == row->created_ms && again.target_count == row->target_count);
	for (size_t i = 0; i < row->target_count; i++)
		must(str_eq(again.targets[i], row->targets[i]));
	must(again.limit_count == row->limit_count && again.limit_period_s == row->limit_period_s);
	/* what a later program says about an older kind is passed over */
	must(row->kind < ROW_ROUTE || str_eq(again.details, row->details));
}

static void check_rows(str in)
{
	struct arena arena;
	struct directory_row row;
	bool found = true;

	arena_init(&arena, NULL, 8 * LIMIT_MB);
	while (found) {
		str before = in;
		err e = intent_next_row(&arena, &in, &row, &found);
		if (e.code != ERR_OK) {
			must(str_eq(before, in));
			break;
		}
		must(found == (before.len > 0));
		if (found)
			check_again(&arena, &row);
	}
	arena_reset(&arena);
}

static void check_recipients(str intent, str in, size_t count)
{
	struct intent_recipient r, again;

	for (size_t i = 0; i < count && intent_next_recipient(intent, &in, &r).code == ERR_OK; i++) {
		must(r.size > 0 && (uint64_t)r.at + r.size <= intent.len);
		str alone = str_slice(intent, r.at, r.at + r.size), rest = alone;
		must(intent_next_recipient(alone, &rest, &again).code == ERR_OK && rest.len == 0);
		must(str_eq(again.forward_path, r.forward_path) && str_eq(again.domain, r.domain));
		must(str_eq(again.reverse_domain, r.reverse_domain) && str_eq(again.orcpt, r.orcpt));
		must(again.has_reverse_path == r.has_reverse_path && again.notify == r.notify);
		must(str_eq(again.reverse_path, r.reverse_path));
	}
}

static void check_message(str intent)
{
	struct intent_message m;
	struct intent_target t;
	size_t i = 0;
	str in = intent;

	if (intent_parse_message(&in, &m).code != ERR_OK) {
		must(in.len == intent.len);
		return;
	}
	must(m.target_count + m.queue_count <= LIMIT_TARGETS);
	for (; i < m.target_count && intent_next_target(intent, &in, &t).code == ERR_OK; i++) {
		must(t.prefix.len <= LIMIT_PREFIX && t.prefix_at + t.prefix.len <= intent.len);
		must(str_eq(str_slice(intent, t.prefix_at, t.prefix_at + t.prefix.len), t.prefix));
	}
	if (i == m.target_count)
		check_recipients(intent, in, m.queue_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };

	check_rows(in);
	check_message(in);
	return 0;
}
