// Intrusive circular lists: the head is a node of its own, and a node that is in no list points at
// itself, so that taking out is always allowed.
#ifndef IO_LIST_H
#define IO_LIST_H

#include <stdbool.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *node) {
    node->prev = node->next = node;
}

static inline bool list_empty(const struct list *node) { // of a node: is in no list
    return node->next == node;
}

static inline void list_take_out(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline void list_append(struct list *head, struct list *node) {
    list_take_out(node);
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

#endif
