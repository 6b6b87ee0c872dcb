#include "admin/operation_internal.h"

err domain_add_prepare(struct operation_call *call)
{
	const struct domain *known;
	struct directory_change *change;
	str name = { 0 };

	TRY(argument_domain(call, "domain", &name));
	if (directory_find_domain(call->directory, name, &known) == DIRECTORY_FOUND)
		return err_new(call->arena, ERR_EXISTS, "domain " STR_FMT " is there already", STR_ARG(name));
	return change_new(call, DIRECTORY_DOMAIN_ADD, name, &change);
}

err domain_add_finish(struct operation_call *call)
{
	const struct domain *domain;

	if (directory_find_domain(call->directory, call->change->name, &domain) != DIRECTORY_FOUND)
		return (err){ ERR_MISSING, 0, "the domain was removed again meanwhile" };
	return answer_set(call, json_of_domain(domain));
}

err domain_remove_prepare(struct operation_call *call)
{
	struct directory_change *change;
	const struct domain *domain;

	TRY(argument_known_domain(call, "domain", &domain));
	if (domain->accounts + domain->aliases > 0)
		return err_new(call->arena, ERR_DENIED,
		               "domain " STR_FMT " still has %u accounts and %u aliases; remove them first",
		               STR_ARG(domain->name), domain->accounts, domain->aliases);
	return change_new(call, DIRECTORY_DOMAIN_REMOVE, domain->name, &change);
}

err domain_list_prepare(struct operation_call *call)
{
	size_t count;
	const struct domain *const *domains = directory_domains(call->directory, &count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_of_domain(domains[i]));
	return answer_set(call, list);
}

err domain_show_prepare(struct operation_call *call)
{
	const struct domain *domain;

	TRY(argument_known_domain(call, "domain", &domain));
	return answer_set(call, json_of_domain(domain));
}
