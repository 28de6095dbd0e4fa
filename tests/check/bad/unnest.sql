select y from unnest(['a']) as y
