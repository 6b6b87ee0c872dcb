/* Senders at sites: made with their first recipient there, gone with the last. */
#include <assert.h>
#include <stdlib.h>

#include "queue/schedule_internal.h"

static str sender_key(const struct sender *sender)
{
	enum { KEY = sizeof sender->site + sizeof sender->id + sizeof sender->lane };

	static_assert(offsetof(struct sender, lane) + sizeof sender->lane ==
	                      offsetof(struct sender, site) + KEY,
	              "a sender's key is one run of octets");
	return (str){ (const char *)&sender->site, KEY };
}

struct sender *sender_find(const struct schedule *s, struct site *site, uint64_t id, enum queue_lane lane)
{
	const struct sender wanted = { .site = site, .id = id, .lane = lane };

	return table_get(&s->senders, sender_key(&wanted));
}

struct sender *sender_of(struct schedule *s, struct site *site, uint64_t id, enum queue_lane lane)
{
	struct sender *sender = sender_find(s, site, id, lane);

	if (sender)
		return sender;
	sender = malloc(sizeof *sender);
	if (!sender)
		return NULL;
	*sender = (struct sender){ .site = site, .id = id, .lane = lane };
	link_init(&sender->flows);
	if (table_set(&s->senders, sender_key(sender), sender).code != ERR_OK) {
		free(sender);
		return NULL;
	}
	return sender;
}

void sender_free_if_empty(struct schedule *s, struct sender *sender)
{
	if (!link_is_empty(&sender->flows))
		return;
	(void)table_remove(&s->senders, sender_key(sender));
	link_remove(&sender->share.link);
	free(sender);
}

bool flow_join(struct schedule *s, struct flow *f)
{
	struct site *site = f->destination->site;
	struct sender *sender = sender_of(s, site, f->sender_id, f->lane);

	if (!sender)
		return false;
	f->sender = sender;
	f->share.credit = 0;
	link_append(&sender->flows, &f->share.link);
	if (!link_is_listed(&sender->share.link))
		link_append(&site->lanes[f->lane].senders, &sender->share.link);
	return true;
}

void flow_leave(struct schedule *s, struct flow *f)
{
	struct sender *sender = f->sender;

	link_remove(&f->share.link);
	f->sender = NULL;
	sender_free_if_empty(s, sender);
}
