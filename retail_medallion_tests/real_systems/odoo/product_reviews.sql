SELECT id AS review_id, res_id::text AS parent_product_id, partner_id::text AS customer_id, rating::numeric AS rating,
    'published' AS status, create_date AT TIME ZONE 'UTC' AS submitted_at
FROM rating_rating
WHERE res_model = 'product.template'
