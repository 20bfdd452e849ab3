// placeholder so that the folder's library links until its first source
