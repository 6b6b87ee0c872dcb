/* store/app_internal.h: the life of an app's use, and how it comes into its row. Private to store/. */
#ifndef STORE_APP_INTERNAL_H
#define STORE_APP_INTERNAL_H

#include "store/app.h"
#include "store/database.h"

/* Shared by all entries of one app, as it is changed; NULL without memory. One reference. */
struct app_use *app_use_new(const struct app_try *granted, const struct app_try *refused);
struct app_use *app_use_share(struct app_use *use);
void app_use_release(struct app_use *use);

/* Writes what is new of `apps` into their rows, inside a transaction; app_uses_written afterwards says
 * whether it was committed. */
err app_uses_write(struct database *db, const struct app *const *apps, size_t count) MUST_USE;
void app_uses_written(const struct app *const *apps, size_t count);

#endif
