// The kinds of values a configuration has: reading one from its text, printing it as it is read, and
// freeing it.
#ifndef SERVER_KIND_H
#define SERVER_KIND_H

#include "config.h"
#include "guard.h"

enum { KIND_WHY_BYTES = 256 };

struct kind_range {
    uint64_t least, most; // of a number; most: bytes of a path, entries of a list
};

// Writes why, of KIND_WHY_BYTES, and returns -1.
int kind_refuse(char *why, const char *fmt, ...) JD_PRINTF(2, 3);

// 0 | -1 and why. The old value is freed; a LIST and POOLS grow.
int kind_set_PATH(char **path, const char *value, struct kind_range range, char *why);
int kind_set_LIST(struct config_list *list, const char *value, struct kind_range range, char *why);
int kind_set_NUM(uint64_t *number, const char *value, struct kind_range range, char *why);
int kind_set_BYTES(uint64_t *number, const char *value, struct kind_range range, char *why);
int kind_set_LEVEL(uint64_t *level, const char *value, struct kind_range range, char *why);
int kind_set_POOLS(struct config_pools *pools, const char *value, struct kind_range range,
                   char *why);

void kind_free_PATH(char **path);
void kind_free_LIST(struct config_list *list);
#define kind_free_NUM(number) ((void)(number))
#define kind_free_BYTES kind_free_NUM
#define kind_free_LEVEL kind_free_NUM
void kind_free_POOLS(struct config_pools *pools);

void kind_print_PATH(FILE *out, const char *name, char *const *path);
void kind_print_LIST(FILE *out, const char *name, const struct config_list *list);
void kind_print_NUM(FILE *out, const char *name, const uint64_t *number);
#define kind_print_BYTES kind_print_NUM
void kind_print_LEVEL(FILE *out, const char *name, const uint64_t *level);
void kind_print_POOLS(FILE *out, const char *name, const struct config_pools *pools);

#endif
