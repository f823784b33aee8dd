// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Matrices, packed matrices, and the order of their bits. A packed tensor is keyed on storage_of<S>, so schemes that
/// differ only in how codes are chosen share it.

#include <nibble/tensor/any_weight.hpp>     // a weight whose storage is known at run time
#include <nibble/tensor/backend.hpp>        // where a bulk operation runs: cpu{}, cpu{pool}
#include <nibble/tensor/cpu_panel.hpp>      // the order that the product on the CPU reads
#include <nibble/tensor/dense_panels.hpp>   // the same for float values
#include <nibble/tensor/dense_view.hpp>     // float values in someone else's bytes
#include <nibble/tensor/factor_order.hpp>   // scales and zeros in storage order
#include <nibble/tensor/matrix.hpp>         // matrix, matrix_view
#include <nibble/tensor/packed_matrix.hpp>  // codes, scales and zeros in any order of bytes
#include <nibble/tensor/packed_tensor.hpp>  // in storage order
#include <nibble/tensor/packed_view.hpp>    // in storage order, in someone else's bytes
#include <nibble/tensor/panel_factors.hpp>  // the same in panels
#include <nibble/tensor/planes.hpp>         // a width as planes of 8, 4, 2 and 1 bits
#include <nibble/tensor/repack.hpp>         // from any order to panels
#include <nibble/tensor/rounded.hpp>        // values as f16 or bf16 gives them back
#include <nibble/tensor/tensor_bytes.hpp>   // what a matrix costs at rest
