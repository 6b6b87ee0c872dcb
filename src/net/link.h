/* net/link.h: a place in a ring, embedded in what is listed, so that joining and leaving a list never fails.
 * A ring has one link that belongs to nobody: its head. One thread.
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *previous; /* both NULL: in no ring */
};

/* The struct that `pointer` is the `member` of. */
#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void link_init(struct link *head) { head->next = head->previous = head; }

static inline bool link_is_listed(const struct link *l) { return l->next != NULL; }

static inline bool link_is_empty(const struct link *head) { return head->next == head; }

static inline void link_append(struct link *head, struct link *l)
{
	l->previous = head->previous;
	l->next = head;
	head->previous->next = l;
	head->previous = l;
}

/* Legal for one that is in no ring. */
static inline void link_remove(struct link *l)
{
	if (!l->next)
		return;
	l->next->previous = l->previous;
	l->previous->next = l->next;
	l->next = l->previous = NULL;
}

/* Moves all of `from` to the empty ring `to`. */
static inline void link_take_all(struct link *from, struct link *to)
{
	link_init(to);
	if (link_is_empty(from))
		return;
	*to = *from;
	to->next->previous = to;
	to->previous->next = to;
	link_init(from);
}

#endif
