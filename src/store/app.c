#include "store/app.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rate.h"
#include "store/app_internal.h"
#include "store/store_internal.h"

struct app_use {
	pthread_mutex_t lock;
	_Atomic unsigned references;
	struct app_try granted, refused;
	uint64_t changes, writing, written; /* how many; which of them are on their way or in the row */
	uint32_t rate_period_s;             /* that `rate` counts by */
	struct rate rate;
};

struct app_use *app_use_new(const struct app_try *granted, const struct app_try *refused)
{
	struct app_use *use = calloc(1, sizeof *use);

	if (!use)
		return NULL;
	pthread_mutex_init(&use->lock, NULL);
	atomic_init(&use->references, 1);
	use->granted = *granted;
	use->refused = *refused;
	return use;
}

struct app_use *app_use_share(struct app_use *use)
{
	atomic_fetch_add(&use->references, 1);
	return use;
}

void app_use_release(struct app_use *use)
{
	if (!use || atomic_fetch_sub(&use->references, 1) != 1)
		return;
	pthread_mutex_destroy(&use->lock);
	free(use);
}

void app_note_login(struct store *store, const struct app *app, bool granted, str remote_ip)
{
	struct app_use *use = app->use;
	size_t len = remote_ip.len < APP_USE_FROM ? remote_ip.len : APP_USE_FROM - 1;
	struct app_try now = { .ms = clock_now() };

	if (len)
		memcpy(now.from, remote_ip.ptr, len);
	pthread_mutex_lock(&use->lock);
	*(granted ? &use->granted : &use->refused) = now;
	use->changes++;
	pthread_mutex_unlock(&use->lock);
	atomic_store(&store->app_uses_new, true);
}

void app_last_logins(const struct app *app, struct app_try *granted, struct app_try *refused)
{
	struct app_use *use = app->use;

	pthread_mutex_lock(&use->lock);
	*granted = use->granted;
	*refused = use->refused;
	pthread_mutex_unlock(&use->lock);
}

/* Slots of another period can't be told as those of this one: what was taken by it is forgotten. */
static struct rate *rate_of(struct app_use *use, uint32_t period_s)
{
	if (use->rate_period_s != period_s) {
		use->rate = (struct rate){ 0 };
		use->rate_period_s = period_s;
	}
	return &use->rate;
}

bool app_take(const struct app *app, uint32_t recipients, int64_t *wait_ms)
{
	struct app_use *use = app->use;

	if (app->limit_count == 0)
		return true;
	if (recipients > app->limit_count) {
		*wait_ms = app->limit_period_s * INT64_C(1000);
		return false;
	}
	pthread_mutex_lock(&use->lock);
	bool taken = rate_take(rate_of(use, app->limit_period_s), app->limit_count,
	                       app->limit_period_s * INT64_C(1000), recipients, clock_tick_ms(), wait_ms);
	pthread_mutex_unlock(&use->lock);
	return taken;
}

void app_give_back(const struct app *app, uint32_t recipients, int64_t since_tick_ms)
{
	struct app_use *use = app->use;

	if (app->limit_count == 0)
		return;
	pthread_mutex_lock(&use->lock);
	rate_give_back(rate_of(use, app->limit_period_s), app->limit_period_s * INT64_C(1000), recipients,
	               since_tick_ms);
	pthread_mutex_unlock(&use->lock);
}

static err write_one(struct database *db, const struct app *app)
{
	struct app_use *use = app->use;
	struct app_try granted, refused;

	pthread_mutex_lock(&use->lock);
	granted = use->granted;
	refused = use->refused;
	use->writing = use->changes;
	bool is_new = use->writing != use->written;
	pthread_mutex_unlock(&use->lock);
	if (!is_new)
		return OK;
	return db_run(db, Q_APP_USED, DB_INT(app->account_id), DB_TEXT(app->name), DB_INT(granted.ms),
	              DB_TEXT(str_of(granted.from)), DB_INT(refused.ms), DB_TEXT(str_of(refused.from)));
}

err app_uses_write(struct database *db, const struct app *const *apps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(write_one(db, apps[i]));
	return OK;
}

void app_uses_written(const struct app *const *apps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&apps[i]->use->lock);
		apps[i]->use->written = apps[i]->use->writing;
		pthread_mutex_unlock(&apps[i]->use->lock);
	}
}
