/* Changes of routes: the part of commit_directory.c that knows them. */
#include "store/directory_plan.h"

static err route_put(struct batch *b, const struct directory_change *c, struct directory_plan *plan)
{
	const struct route_entry *before = directory_work_route(b->directory, c->name);
	struct route_host hosts[LIMIT_ROUTE_HOSTS];
	struct route_entry checked;
	struct buf details;

	if (!before && directory_work_routes(b->directory) >= LIMIT_ROUTES)
		return (err){ ERR_LIMIT, LIMIT_ROUTES, "there are at most 1,000 routes; remove one" };
	if (c->route->host_count > LIMIT_ROUTE_HOSTS)
		return (err){ ERR_LIMIT, LIMIT_ROUTE_HOSTS, "a route has at most 32 smarthosts" };
	buf_init(&details, &b->arena, LIMIT_INTENT);
	route_encode(&details, c->route);
	TRY(buf_err(&details));
	if (route_decode(c->name, buf_str(&details), hosts, &checked).code != ERR_OK)
		return (err){ ERR_SYNTAX, 0, "that is no route" };
	return plan_add_row(b, plan,
	                    &(struct directory_row){ .kind = ROW_ROUTE,
	                                             .name = c->name,
	                                             .details = buf_str(&details),
	                                             .created_ms = before ? before->created_ms : b->now_ms });
}

err plan_route_change(struct batch *b, const struct directory_change *c, struct directory_plan *plan)
{
	if (c->kind == DIRECTORY_ROUTE_PUT)
		return route_put(b, c, plan);
	if (!directory_work_route(b->directory, c->name))
		return (err){ ERR_MISSING, 0, "there is no such route" };
	return plan_add_row(b, plan, &(struct directory_row){ .kind = ROW_ROUTE_GONE, .name = c->name });
}

err put_route_row(struct batch *b, const struct directory_row *row)
{
	if (row->kind == ROW_ROUTE_GONE)
		return db_run(b->db, Q_ROUTE_REMOVE, DB_TEXT(row->name));
	return db_run(b->db, Q_ROUTE_PUT, DB_TEXT(row->name), DB_BLOB(row->details), DB_INT(row->created_ms));
}
