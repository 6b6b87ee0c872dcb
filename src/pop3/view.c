#include "pop3/view.h"

#include <assert.h>
#include <stdlib.h>

static_assert(sizeof(struct pop3_message) == 16, "a million messages are 16 MB");

/* --- the cap --- */

static bool budget_take(struct view_budget *budget, uint64_t octets)
{
	uint64_t used = atomic_fetch_add(&budget->used_octets, octets);

	if (used + octets <= atomic_load(&budget->max_octets))
		return true;
	atomic_fetch_sub(&budget->used_octets, octets);
	return false;
}

static uint64_t octets_of(uint64_t count) { return count * sizeof(struct pop3_message); }

/* --- making --- */

void pop3_view_init(struct pop3_view *view, struct view_budget *budget)
{
	*view = (struct pop3_view){ .budget = budget };
}

err pop3_view_reserve(struct pop3_view *view, uint64_t count)
{
	struct pop3_message *messages;

	if (count <= view->room)
		return OK;
	if (count >= UINT32_MAX)
		return (err){ ERR_LIMIT, 0, "more messages than UIDs" };
	if (!budget_take(view->budget, octets_of(count - view->room)))
		return (err){ ERR_LIMIT, 0, "the open mailboxes are over limits.mailbox_views_octets" };
	messages = realloc(view->messages, octets_of(count));
	if (!messages) {
		atomic_fetch_sub(&view->budget->used_octets, octets_of(count - view->room));
		return (err){ ERR_NOSPACE, 0, "out of memory" };
	}
	view->messages = messages;
	view->room = (uint32_t)count;
	return OK;
}

err pop3_view_add(struct pop3_view *view, const struct mailbox_row *rows, size_t count)
{
	if (count > view->room - view->count)
		TRY(pop3_view_reserve(view, view->count + view->count / 2 + (uint64_t)count));
	for (size_t i = 0; i < count; i++) {
		assert(view->count == 0 || view->messages[view->count - 1].uid < rows[i].uid);
		view->messages[view->count++] =
			(struct pop3_message){ .size = rows[i].size & INT64_MAX,
			                       .deleted = 0,
			                       .uid = rows[i].uid,
			                       .smtputf8 = rows[i].flags & MESSAGE_SMTPUTF8 };
		view->left++;
		view->left_octets += rows[i].size;
	}
	return OK;
}

/* --- using --- */

const struct pop3_message *pop3_view_find(const struct pop3_view *view, uint32_t number)
{
	if (number == 0 || number > view->count || view->messages[number - 1].deleted)
		return NULL;
	return &view->messages[number - 1];
}

bool pop3_view_mark(struct pop3_view *view, uint32_t number)
{
	const struct pop3_message *found = pop3_view_find(view, number);

	if (!found)
		return false;
	view->left--;
	view->left_octets -= found->size;
	view->messages[number - 1].deleted = 1;
	return true;
}

void pop3_view_set_size(struct pop3_view *view, uint32_t number, uint64_t size)
{
	struct pop3_message *m;

	assert(pop3_view_find(view, number));
	m = &view->messages[number - 1];
	view->left_octets = view->left_octets - m->size + size;
	m->size = size & INT64_MAX;
}

void pop3_view_unmark_all(struct pop3_view *view)
{
	for (uint32_t i = 0; i < view->count && view->left < view->count; i++) {
		struct pop3_message *m = &view->messages[i];
		if (!m->deleted)
			continue;
		m->deleted = 0;
		view->left++;
		view->left_octets += m->size;
	}
}

err pop3_view_take_marked(const struct pop3_view *view, uint32_t **out)
{
	size_t marked = view->count - view->left, n = 0;
	uint32_t *uids = malloc(marked * sizeof *uids);

	assert(marked > 0);
	if (!uids)
		return (err){ ERR_NOSPACE, 0, "out of memory" };
	for (uint32_t i = 0; n < marked; i++)
		if (view->messages[i].deleted)
			uids[n++] = view->messages[i].uid;
	*out = uids;
	return OK;
}

void pop3_view_fini(struct pop3_view *view)
{
	if (view->room > 0)
		atomic_fetch_sub(&view->budget->used_octets, octets_of(view->room));
	free(view->messages);
	pop3_view_init(view, view->budget);
}
