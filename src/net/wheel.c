#include "net/wheel.h"

static void ring_init(struct timer *head) { head->next = head->previous = head; }

static void ring_append(struct timer *head, struct timer *t)
{
	t->previous = head->previous;
	t->next = head;
	head->previous->next = t;
	head->previous = t;
}

static void ring_remove(struct timer *t)
{
	t->next->previous = t->previous;
	t->previous->next = t->next;
	t->next = t->previous = NULL;
}

void wheel_init(struct wheel *wheel, int64_t now_tick_ms)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		ring_init(&wheel->slots[i]);
	wheel->step = now_tick_ms / LOOP_TIMER_STEP_MS;
}

void wheel_clear(struct timer *timer)
{
	if (timer->due_tick_ms == 0)
		return;
	ring_remove(timer);
	timer->due_tick_ms = 0;
}

void wheel_set(struct wheel *wheel, struct timer *timer, int64_t due_tick_ms)
{
	int64_t step = (due_tick_ms + LOOP_TIMER_STEP_MS - 1) / LOOP_TIMER_STEP_MS;

	wheel_clear(timer);
	if (step <= wheel->step)
		step = wheel->step + 1;
	timer->due_tick_ms = step * LOOP_TIMER_STEP_MS;
	ring_append(&wheel->slots[(uint64_t)step % WHEEL_SLOTS], timer);
}

void wheel_run(struct wheel *wheel, int64_t now_tick_ms)
{
	int64_t now_step = now_tick_ms / LOOP_TIMER_STEP_MS;
	int64_t first = wheel->step + 1;
	struct timer due;

	if (first > now_step)
		return;
	if (now_step - first >= WHEEL_SLOTS)
		first = now_step - WHEEL_SLOTS + 1;
	/* All that is due leaves the slots before the first of them fires: whatever fires may change any
	 * slot. */
	ring_init(&due);
	for (int64_t step = first; step <= now_step; step++) {
		struct timer *head = &wheel->slots[(uint64_t)step % WHEEL_SLOTS];
		for (struct timer *t = head->next, *next; t != head; t = next) {
			next = t->next;
			if (t->due_tick_ms <= now_step * LOOP_TIMER_STEP_MS) {
				ring_remove(t);
				ring_append(&due, t);
			}
		}
	}
	wheel->step = now_step;
	while (due.next != &due) {
		struct timer *t = due.next;
		wheel_clear(t);
		t->fire(t);
	}
}

int64_t wheel_next_tick_ms(const struct wheel *wheel)
{
	for (int64_t step = wheel->step + 1; step <= wheel->step + WHEEL_SLOTS; step++) {
		const struct timer *head = &wheel->slots[(uint64_t)step % WHEEL_SLOTS];
		if (head->next != head)
			return step * LOOP_TIMER_STEP_MS;
	}
	return -1;
}
