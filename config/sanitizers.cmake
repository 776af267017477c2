if(JOBD_SANITIZE)
  add_compile_options(-fsanitize=${JOBD_SANITIZE} -fno-sanitize-recover=all -g)
  add_link_options(-fsanitize=${JOBD_SANITIZE})
endif()
