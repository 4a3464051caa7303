<?php
/*
 * Plugin Name: A
 * Version: 1.0.0
 */
