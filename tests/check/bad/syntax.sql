select user_hk
from where user_id = 'x'
