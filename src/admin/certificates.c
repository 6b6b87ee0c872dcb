#include "admin/certificates.h"

#include "base/bytes.h"
#include "base/file.h"

err certificates_load(struct arena *arena, const struct config *config, struct certificates *out)
{
	struct certificates all = { .count = config->certificates.count };

	all.item = arena_new(arena, struct tls_certificate, all.count + 1);
	if (!all.item)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < all.count; i++) {
		const struct config_certificate *files = &config->certificates.item[i];
		err e = file_read_all(arena, files->certificate, LIMIT_KEY_FILE, &all.item[i].chain);
		if (e.code == ERR_OK)
			e = file_read_all(arena, files->key, LIMIT_KEY_FILE, &all.item[i].key);
		if (e.code != ERR_OK)
			return err_wrap(arena, e, "tls.certificates");
		all.item[i].file = files->certificate;
	}
	err e = tls_check(arena, all.item, all.count);
	if (e.code != ERR_OK)
		return err_wrap(arena, e, "tls.certificates");
	*out = all;
	return OK;
}

void certificates_forget(struct certificates *certificates)
{
	for (size_t i = 0; i < certificates->count; i++) {
		str key = certificates->item[i].key;
		if (key.len)
			explicit_bzero((void *)(uintptr_t)key.ptr, key.len);
	}
	*certificates = (struct certificates){ 0 };
}

void certificates_format(struct buf *out, const struct certificates *certificates)
{
	buf_add_varint(out, certificates->count);
	for (size_t i = 0; i < certificates->count; i++) {
		buf_add_counted(out, certificates->item[i].file);
		buf_add_counted(out, certificates->item[i].chain);
		buf_add_counted(out, certificates->item[i].key);
	}
}

err certificates_parse(struct arena *arena, str text, struct certificates *out)
{
	static const err corrupt = { ERR_CORRUPT, 0, "the certificates did not arrive" };
	struct certificates all = { 0 };
	uint64_t count;

	if (!bytes_varint(&text, &count) || count > LIMIT_CONFIG_LIST)
		return corrupt;
	all.item = arena_new(arena, struct tls_certificate, count + 1);
	if (!all.item)
		return ERR_NO_MEMORY;
	for (; all.count < count; all.count++) {
		struct tls_certificate *item = &all.item[all.count];
		if (!bytes_counted(&text, &item->file) || !bytes_counted(&text, &item->chain) ||
		    !bytes_counted(&text, &item->key))
			return corrupt;
	}
	*out = all;
	return OK;
}
