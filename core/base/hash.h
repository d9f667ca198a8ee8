/* SHA-256 (FIPS 180-4, by Nettle): identities of trials and checksums of data sets, as 64 small hexadecimal digits. */
#ifndef NL_BASE_HASH_H
#define NL_BASE_HASH_H

#include <stddef.h>

enum { NL_HASH_HEX = 65, NL_HASH_BASE64 = 45 }; /* 64 digits, or 44 of base 64, and the zero byte */

struct nl_hash;

struct nl_hash *nl_hash_start(void);
void nl_hash_add(struct nl_hash *hash, const void *bytes, size_t length);
void nl_hash_finish(struct nl_hash *hash, char hex[NL_HASH_HEX]); /* frees hash */

void nl_hash_bytes(const void *bytes, size_t length, char hex[NL_HASH_HEX]); /* start, add and finish in one */
void nl_hash_base64(const void *bytes, size_t length, char base64[NL_HASH_BASE64]); /* as a page's policy has it */

#endif
