/* store/directory_plan.h: the rows that one change of the directory becomes; between commit_directory.c,
 * commit_app.c and commit_route.c. Private to store/. */
#ifndef STORE_DIRECTORY_PLAN_H
#define STORE_DIRECTORY_PLAN_H

#include "store/batch.h"
#include "store/intent.h"

struct directory_plan {
	struct directory_row *rows;
	size_t count, room;
	struct record_head head;
	uint64_t removed_account; /* whose mail has to go; 0: none */
};

/* Adds a row with a copy of its texts in the batch's arena. */
err plan_add_row(struct batch *b, struct directory_plan *plan, const struct directory_row *row) MUST_USE;

/* DIRECTORY_APP_*: checks the change and adds its row. */
err plan_app_change(struct batch *b, struct directory_change *c, struct directory_plan *plan) MUST_USE;

/* The apps of an account that is renamed send from its new address where they did from the old one. */
err plan_app_renames(struct batch *b, const struct account *account, str new_address,
                     struct directory_plan *plan) MUST_USE;

/* One row of an app into its table, or out of it. */
err put_app_row(struct batch *b, const struct directory_row *row) MUST_USE;

/* DIRECTORY_ROUTE_*: the same of routes. */
err plan_route_change(struct batch *b, const struct directory_change *c,
                      struct directory_plan *plan) MUST_USE;
err put_route_row(struct batch *b, const struct directory_row *row) MUST_USE;

/* Texts as a column holds them: each counted. In the batch's arena. */
err list_column(struct batch *b, const str *texts, size_t count, str *out) MUST_USE;

#endif
