#include "admin/standing.h"

#include "base/clock.h"
#include "base/limits.h"
#include "store/queue.h"

static void count_row(struct standing *s, const struct queue_row *row, int64_t now_ms)
{
	s->recipients++;
	s->held += row->held;
	s->waiting += !row->held && row->due_ms > now_ms;
	if (s->oldest_ms == 0 || row->received_ms < s->oldest_ms)
		s->oldest_ms = row->received_ms;
}

err standing_read(struct store *store, struct arena *arena, struct standing *out)
{
	struct queue_row *rows = arena_new(arena, struct queue_row, LIMIT_READ_ROWS);
	struct standing s = { 0 };
	int64_t now_ms = clock_now();
	uint64_t after = 0;
	size_t count = 1;

	if (!rows)
		return ERR_NO_MEMORY;
	while (count > 0) {
		struct arena texts;
		arena_init(&texts, NULL, LIMIT_ADMIN_ARENA);
		err e = queue_read_all(store, &texts, after, rows, LIMIT_READ_ROWS, &count);
		for (size_t i = 0; e.code == ERR_OK && i < count; i++)
			count_row(&s, &rows[i], now_ms);
		after = e.code == ERR_OK && count ? rows[count - 1].queue_id : after;
		arena_reset(&texts);
		TRY(e);
	}
	*out = s;
	return OK;
}

/* True: the caller is to count. */
static bool is_old(struct standing_cache *cache, int64_t tick_ms, struct standing *out)
{
	pthread_mutex_lock(&cache->lock);
	*out = cache->last;
	bool old = !cache->counting && (cache->tick_ms == 0 || tick_ms - cache->tick_ms >= STANDING_MS);
	cache->counting = cache->counting || old;
	pthread_mutex_unlock(&cache->lock);
	return old;
}

err standing_get(struct standing_cache *cache, struct store *store, struct arena *arena, struct standing *out)
{
	int64_t tick_ms = clock_tick_ms();
	struct standing s;

	if (!is_old(cache, tick_ms, &s)) {
		*out = s;
		return OK;
	}
	err e = standing_read(store, arena, &s);
	pthread_mutex_lock(&cache->lock);
	cache->counting = false;
	if (e.code == ERR_OK) {
		cache->last = s;
		cache->tick_ms = tick_ms;
		*out = s;
	}
	pthread_mutex_unlock(&cache->lock);
	return e;
}
