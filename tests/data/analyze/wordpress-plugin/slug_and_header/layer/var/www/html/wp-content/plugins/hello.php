<?php
# plugin name: Hello Dolly */
# VERSION: 1.7.2 */
